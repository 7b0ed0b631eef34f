//! What the history learns of one query while it runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::history::{Added, ExchangeRun, QueryHistory, QueryRecord, RecordState, RecordedError};
use tokio::sync::{Mutex, watch};
use tracing::warn;
use uuid::Uuid;

use super::progress::QueryState;
use super::shared::Clock;
use super::stats::QueryStats;
use crate::error::{Error, Result};
use crate::protocol::RunId;

/// Writes one record, one change after the other.
pub(super) struct Journal {
    history: Arc<dyn QueryHistory>,
    clock: Clock,
    entry: Mutex<Entry>,
    closed: watch::Sender<bool>,
}

struct Entry {
    record: QueryRecord,
    /// The history has the record.
    is_open: bool,
}

impl Journal {
    pub(super) fn new(history: Arc<dyn QueryHistory>, clock: Clock, record: QueryRecord) -> Self {
        let entry = Mutex::new(Entry { record, is_open: false });
        Self { history, clock, entry, closed: watch::Sender::new(false) }
    }

    /// Adds the record, unless its token is known: then returns the record that has it.
    pub(super) async fn open(&self) -> Result<Option<QueryRecord>> {
        let mut entry = self.entry.lock().await;
        if entry.is_open {
            return Ok(None);
        }
        match self.history.add(entry.record.clone()).await? {
            Added::New => {
                entry.is_open = true;
                Ok(None)
            }
            Added::Known(record) => Ok(Some(*record)),
        }
    }

    /// The query has gone on. What cannot be written is said in the log, and does not fail the query.
    pub(super) async fn reached(&self, state: QueryState) {
        let mut entry = self.entry.lock().await;
        let state = RecordState::from(state);
        if entry.record.state == state || state.has_ended() || !entry.is_open {
            return;
        }
        entry.record.state = state;
        if state != RecordState::Queued {
            entry.record.started.get_or_insert_with(self.clock);
        }
        self.write(&entry.record).await;
    }

    /// Says which run may have objects in the exchange, before it has any: whoever cleans up after this process finds it.
    ///
    /// # Errors
    /// When the history cannot be written: nothing may be left that nobody knows of.
    pub(super) async fn announce_run(&self, exchange: &str) -> Result<RunId> {
        let mut entry = self.entry.lock().await;
        let run = RunId(Uuid::new_v4());
        entry.record.runs.push(ExchangeRun { id: run.to_string(), exchange: exchange.to_owned() });
        if entry.is_open {
            self.history.update(entry.record.clone()).await?;
        }
        Ok(run)
    }

    /// Waits until the query has ended and that has been written down.
    pub(super) async fn closed(&self) {
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    /// The query has ended. One that finished has left nothing in the exchange; after any other end a task may still be writing,
    /// so its runs stay noted.
    pub(super) async fn close(
        &self,
        state: QueryState,
        error: Option<&Error>,
        stats: &QueryStats,
        plan: Option<String>,
    ) {
        self.write_end(state, error, stats, plan).await;
        self.closed.send_replace(true);
    }

    async fn write_end(&self, state: QueryState, error: Option<&Error>, stats: &QueryStats, plan: Option<String>) {
        let mut entry = self.entry.lock().await;
        let now = (self.clock)();
        let record = &mut entry.record;
        record.state = state.into();
        record.ended = Some(now);
        if stats.total > Duration::ZERO {
            let queued = i64::try_from(stats.queued.as_millis()).unwrap_or(0);
            record.started.get_or_insert(record.submitted.saturating_add(queued).min(now));
        }
        record.error = error.map(recorded);
        record.stats = serde_json::to_string(stats).ok();
        record.plan = plan;
        match state {
            QueryState::Finished => record.runs.clear(),
            _ => record.result = None,
        }
        let was_open = std::mem::replace(&mut entry.is_open, true);
        if was_open {
            return self.write(&entry.record).await;
        }
        // Whoever was adding it may have been stopped after it was there, and before that was known.
        let written = match self.history.update(entry.record.clone()).await {
            Ok(false) => self.history.add(entry.record.clone()).await.map(|_| ()),
            other => other.map(|_| ()),
        };
        if let Err(error) = written {
            warn!(query_id = entry.record.id, %error, "the history could not be written");
        }
    }

    pub(super) async fn record(&self) -> QueryRecord {
        self.entry.lock().await.record.clone()
    }

    async fn write(&self, record: &QueryRecord) {
        match self.history.update(record.clone()).await {
            Ok(true) => {}
            Ok(false) => warn!(query_id = record.id, "the history holds another end of this query"),
            Err(error) => warn!(query_id = record.id, %error, "the history could not be written"),
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

pub(super) fn recorded(error: &Error) -> RecordedError {
    let code = serde_json::to_value(error.code).ok().and_then(|code| code.as_str().map(ToOwned::to_owned));
    RecordedError {
        code: code.unwrap_or_else(|| "internal".to_owned()),
        message: error.message.clone(),
        hint: error.hint.clone(),
        place: error.position.map(|position| (position.line, position.column)),
    }
}
