//! What a run wrote is removed when it is over, whatever its end.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::shared::Shared;
use crate::coordinator::RunObserver;
use crate::error::Result;
use crate::exchange::{self, Marker, Swept, layout};
use crate::protocol::{ExchangeConfig, RunId};
use crate::storage::{ObjectStores, exchange_store};

/// After its time limit a worker may still be sending what it wrote.
const GRACE: Duration = Duration::from_secs(60);

/// Runs of this process that have objects in the exchange, or may have.
#[derive(Debug, Default)]
pub(super) struct ExchangeRuns {
    alive: Mutex<HashSet<RunId>>,
    /// Second removals, of runs with attempts that could not be stopped. They end with the process: the sweep by age is
    /// behind them.
    late: Mutex<JoinSet<()>>,
}

/// Removes the run's objects in the background when it is dropped.
pub(super) struct CleanUp {
    shared: Arc<Shared>,
    exchange: ExchangeConfig,
    run: RunId,
    observer: RunObserver,
    task_timeout: Duration,
    runtime: Handle,
}

impl CleanUp {
    /// To be called on the runtime that the removal is to run on.
    pub(super) fn new(
        shared: &Arc<Shared>,
        exchange: ExchangeConfig,
        run: RunId,
        observer: RunObserver,
        task_timeout: Duration,
    ) -> Self {
        locked(&shared.exchange_runs.alive).insert(run);
        Self { shared: Arc::clone(shared), exchange, run, observer, task_timeout, runtime: Handle::current() }
    }

    /// Whether there is anything to remove, as far as is known yet.
    pub(super) fn is_needed(&self) -> bool {
        self.observer.wrote_exchange()
    }
}

impl Drop for CleanUp {
    fn drop(&mut self) {
        let (shared, exchange, run) = (Arc::clone(&self.shared), self.exchange.clone(), self.run);
        let (observer, task_timeout) = (self.observer.clone(), self.task_timeout);
        self.shared.background.spawn_on(
            async move {
                let left = clean_up(&shared.stores, &exchange, run, &observer, task_timeout).await;
                locked(&shared.exchange_runs.alive).remove(&run);
                if left > 0 {
                    shared.exchange_runs.remove_later(Arc::clone(&shared.stores), exchange, run, task_timeout);
                }
            },
            &self.runtime,
        );
    }
}

/// Waits for the workers and removes; returns how many attempts may still write.
async fn clean_up(
    stores: &ObjectStores,
    exchange: &ExchangeConfig,
    run: RunId,
    observer: &RunObserver,
    task_timeout: Duration,
) -> usize {
    // The run ends by itself soon after nobody wants it; this is for a run that has died.
    let left = tokio::time::timeout(task_timeout + GRACE, observer.ended()).await.unwrap_or(1);
    if observer.wrote_exchange() || left > 0 {
        let marker = if left == 0 { Marker::Remove } else { Marker::Keep };
        remove_or_warn(stores, exchange, run, marker).await;
    }
    left
}

async fn remove_or_warn(stores: &ObjectStores, exchange: &ExchangeConfig, run: RunId, marker: Marker) {
    if let Err(error) = remove_run(stores, &exchange.url, run, marker).await {
        warn!(%run, %error, "exchange objects were left behind");
    }
}

/// Removes what a run of this process, or of another one, has left.
pub(super) async fn remove_run(stores: &ObjectStores, exchange: &str, run: RunId, marker: Marker) -> Result<()> {
    let exchange = ExchangeConfig { url: exchange.to_owned() };
    let store = exchange_store(stores, &layout::url(&exchange)?, Arc::default())?;
    exchange::remove_run(&store, &exchange, run, marker).await.map(|_| ())
}

impl ExchangeRuns {
    /// Removes the run once more when none of its attempts can write any more.
    fn remove_later(&self, stores: Arc<ObjectStores>, exchange: ExchangeConfig, run: RunId, task_timeout: Duration) {
        let mut late = locked(&self.late);
        while late.try_join_next().is_some() {}
        late.spawn(async move {
            tokio::time::sleep(task_timeout + GRACE).await;
            remove_or_warn(&stores, &exchange, run, Marker::Remove).await;
        });
    }
}

impl Shared {
    /// Removes runs that nothing was written for since `older_than` ago, but those of this process.
    pub(super) async fn sweep_exchange(&self, older_than: Duration) -> Result<Swept> {
        let Some(url) = &self.settings.exchange else { return Ok(Swept::default()) };
        let exchange = ExchangeConfig { url: url.clone() };
        let store = exchange_store(&self.stores, &layout::url(&exchange)?, Arc::default())?;
        let age = i64::try_from(older_than.as_millis()).unwrap_or(i64::MAX);
        let before =
            DateTime::from_timestamp_millis((self.clock)().saturating_sub(age)).unwrap_or(DateTime::UNIX_EPOCH);
        let alive = locked(&self.exchange_runs.alive).clone();
        let swept = exchange::sweep_by_age(&store, &exchange, before, &alive).await?;
        if swept.runs > 0 {
            info!(runs = swept.runs, objects = swept.objects, bytes = swept.bytes, "swept the exchange by age");
        }
        Ok(swept)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
