//! The queries of this process that have not ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::info::QueryInfo;
use super::journal::Journal;
use super::ledger::Ledger;
use super::progress::QueryState;
use super::request::QueryId;
use crate::error::Error;

#[derive(Debug, Default)]
pub(super) struct Living {
    queries: Mutex<HashMap<QueryId, Live>>,
    /// One of them has ended.
    gone: Notify,
}

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) ledger: Arc<Ledger>,
    pub(super) journal: Arc<Journal>,
}

impl Living {
    pub(super) fn insert(&self, id: QueryId, live: Live) {
        self.lock().insert(id, live);
    }

    pub(super) fn remove(&self, id: &QueryId) {
        self.lock().remove(id);
        self.gone.notify_waiters();
    }

    pub(super) fn get(&self, id: &QueryId) -> Option<Live> {
        self.lock().get(id).cloned()
    }

    /// Waits until there are none.
    pub(super) async fn emptied(&self) {
        loop {
            let gone = self.gone.notified();
            if self.is_empty() {
                return;
            }
            gone.await;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Ends all of them.
    pub(super) fn stop_all(&self, reason: &Error) {
        let all: Vec<_> = self.lock().values().cloned().collect();
        for live in all {
            live.ledger.stop(reason.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<QueryId, Live>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// Waits until the end has been written down.
    pub(super) async fn settled(&self) {
        self.journal.closed().await;
    }

    /// What the history knows, brought up to date.
    pub(super) async fn info(&self) -> QueryInfo {
        let progress = self.ledger.progress();
        // Whoever sees that a query has finished can read its rows and its bill.
        if progress.state == QueryState::Finished {
            self.settled().await;
        }
        let mut info = QueryInfo::of(self.journal.record().await);
        if !info.state.has_ended() {
            info.state = progress.state;
            info.error = self.ledger.reason();
        }
        info.progress = Some(progress);
        info
    }
}
