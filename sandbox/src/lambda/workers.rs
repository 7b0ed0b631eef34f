//! Which worker processes there are.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// A worker process of the local Lambda.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WorkerProcess {
    pub pid: u32,
    /// Whether it is starting for, or running, an invocation.
    pub busy: bool,
}

/// The processes that are alive, oldest first.
#[derive(Debug, Default)]
pub(super) struct Workers(Mutex<Vec<WorkerProcess>>);

impl Workers {
    pub(super) fn add(&self, pid: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(WorkerProcess { pid, busy: true });
    }

    pub(super) fn remove(&self, pid: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|worker| worker.pid != pid);
    }

    pub(super) fn set_busy(&self, pid: u32, busy: bool) {
        let mut workers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for worker in workers.iter_mut().filter(|worker| worker.pid == pid) {
            worker.busy = busy;
        }
    }

    pub(super) fn snapshot(&self) -> Vec<WorkerProcess> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
