//! What a coordinator does beside its queries: signs of life, cancelling on request, forgetting, and cleaning up after
//! coordinators that have died.

use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::history::{Owner, QueryRecord, RecordState, Retention};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{info, warn};
use uuid::Uuid;

use super::clean_up::remove_run;
use super::execution::cancelled;
use super::journal::recorded;
use super::request::QueryId;
use super::shared::Shared;
use crate::error::{Error, ErrorCode, Result};
use crate::exchange::Marker;
use crate::protocol::RunId;

const SHOW_LIFE_EVERY: Duration = Duration::from_secs(5);
/// How often somebody's wish to cancel is looked for.
const HEAR_EVERY: Duration = Duration::from_millis(500);
const RECOVER_EVERY: Duration = Duration::from_secs(30);
const TIDY_EVERY: Duration = Duration::from_secs(3600);
/// A program that runs one statement leaves that to others.
const TIDY_AFTER: Duration = Duration::from_secs(60);

/// Runs in the exchange that nothing was written for since then belong to nobody. Longer than any query is expected to take.
const SWEEP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// Without a sign of life for so long, a coordinator of which nothing else is known counts as dead.
const DEAD_AFTER: Duration = Duration::from_secs(60);

/// Goes on until it is dropped. Nothing that takes long holds up the signs of life.
pub(super) async fn keep_house(shared: Arc<Shared>) {
    let soon = Duration::ZERO;
    tokio::join!(
        every(SHOW_LIFE_EVERY, soon, || shared.show_life()),
        every(HEAR_EVERY, soon, || shared.cancel_what_others_ask()),
        every(RECOVER_EVERY, soon, || shared.recover()),
        every(TIDY_EVERY, TIDY_AFTER, || shared.tidy()),
    );
}

/// What fails is tried again the next time.
async fn every<F: Future<Output = Result<()>>>(period: Duration, first_after: Duration, what: impl Fn() -> F) {
    let mut tick = tokio::time::interval_at(Instant::now() + first_after, period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = what().await {
            warn!(%error, "the history and the exchange could not be kept in order");
        }
    }
}

impl Shared {
    /// The first sign of life, before the first query: whoever cleans up goes by these.
    pub(super) async fn introduce(&self) -> Result<()> {
        self.introduced.get_or_try_init(|| self.show_life()).await.copied()
    }

    async fn show_life(&self) -> Result<()> {
        Ok(self.history.alive(&self.owner, (self.clock)()).await?)
    }

    async fn cancel_what_others_ask(&self) -> Result<()> {
        if self.living.is_empty() {
            return Ok(());
        }
        for id in self.history.to_cancel(&self.owner).await? {
            if let Some(live) = self.living.get(&QueryId(id)) {
                live.ledger.stop(cancelled());
            }
        }
        Ok(())
    }

    /// Fails what dead coordinators left unfinished, and removes what their queries, and failed ones of this coordinator, have
    /// in the exchange.
    pub(super) async fn recover(&self) -> Result<()> {
        for owner in self.history.owners().await? {
            if owner.id == self.owner || self.is_dead(&owner) {
                self.settle(&owner).await?;
            }
        }
        Ok(())
    }

    fn is_dead(&self, owner: &Owner) -> bool {
        let silent = (self.clock)().saturating_sub(owner.last_seen);
        !self.liveness.is_alive(&owner.id).unwrap_or(silent < millis(DEAD_AFTER))
    }

    async fn settle(&self, owner: &Owner) -> Result<()> {
        let is_self = owner.id == self.owner;
        let mut left = 0;
        for record in self.history.unsettled(&owner.id).await? {
            if !record.state.has_ended() {
                if is_self {
                    continue;
                }
                self.fail(record.clone(), owner).await?;
            }
            let ended = record.ended.unwrap_or(owner.last_seen);
            // A worker that was under way may still write; after its time it cannot.
            let over = (self.clock)().saturating_sub(ended) > millis(self.settings.task_timeout);
            self.sweep(&record, if over { Marker::Remove } else { Marker::Keep }).await;
            if over || record.runs.is_empty() {
                self.history.swept(&record.id).await?;
            } else {
                left += 1;
            }
        }
        if !is_self && left == 0 {
            self.history.retire(&owner.id).await?;
        }
        Ok(())
    }

    async fn fail(&self, record: QueryRecord, owner: &Owner) -> Result<()> {
        info!(query_id = record.id, owner = owner.id, "failing a query whose coordinator is gone");
        if let Some(url) = &record.result {
            self.results.remove(url).await?;
        }
        let error = Error::new(ErrorCode::Unavailable, "the coordinator ended before the query did")
            .with_hint("run the query again");
        let failed = QueryRecord {
            state: RecordState::Failed,
            error: Some(recorded(&error)),
            ended: Some((self.clock)()),
            result: None,
            ..record
        };
        self.history.update(failed).await?;
        Ok(())
    }

    async fn sweep(&self, record: &QueryRecord, marker: Marker) {
        for run in &record.runs {
            let Ok(id) = Uuid::parse_str(&run.id) else { continue };
            if let Err(error) = remove_run(&self.stores, &run.exchange, RunId(id), marker).await {
                warn!(run = run.id, %error, "exchange objects were left behind");
            }
        }
    }

    async fn tidy(&self) -> Result<()> {
        self.forget().await?;
        self.sweep_exchange(SWEEP_AFTER).await.map(|_| ())
    }

    async fn forget(&self) -> Result<()> {
        let ended_since = (self.clock)().saturating_sub(millis(self.retention.max_age));
        let bound = Retention { max_records: self.retention.max_queries, ended_since };
        for record in self.history.forget(bound).await? {
            if let Some(url) = &record.result {
                self.results.remove(url).await?;
            }
        }
        Ok(())
    }

    /// Takes leave: nothing of this coordinator is left to be settled, or it is left to others.
    pub(super) async fn take_leave(&self) -> Result<()> {
        if self.history.unsettled(&self.owner).await?.is_empty() {
            self.history.retire(&self.owner).await?;
            self.liveness.leave();
        }
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
