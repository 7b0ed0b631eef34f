//! The queue as queries meet it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::QueueLimits;
use super::queue::{Arrival, Queue, Ticket};
use crate::error::{Error, ErrorCode, Result};

/// Shared by all queries of a process.
#[derive(Debug)]
pub(in crate::query) struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    bells: HashMap<Ticket, oneshot::Sender<()>>,
}

/// Queries that wait and queries that run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    pub queued: usize,
    pub running: usize,
}

/// A place in the queue, and then among those that run; given back when it is dropped.
#[derive(Debug)]
pub(in crate::query) struct Pass {
    ticket: Ticket,
    bell: Option<oneshot::Receiver<()>>,
    state: Arc<Mutex<State>>,
}

impl Gate {
    pub(in crate::query) fn new(limits: QueueLimits) -> Self {
        let state = State { queue: Queue::new(limits), bells: HashMap::new() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(in crate::query) fn load(&self) -> Load {
        let state = locked(&self.state);
        Load { queued: state.queue.queued(), running: state.queue.running() }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// `Throttled` when the queue is full.
    pub(in crate::query) fn arrive(&self, user: &str) -> Result<Pass> {
        let mut state = locked(&self.state);
        let (ticket, bell) = match state.queue.arrive(user) {
            Arrival::Admitted(ticket) => (ticket, None),
            Arrival::Waits(ticket) => {
                let (sender, bell) = oneshot::channel();
                state.bells.insert(ticket, sender);
                (ticket, Some(bell))
            }
            Arrival::Refused => {
                let (running, queued) = (state.queue.running(), state.queue.queued());
                return Err(Error::new(
                    ErrorCode::Throttled,
                    format!("too many queries: {running} run and {queued} wait, which is all that may"),
                )
                .with_hint("try again later, or raise limits.concurrent_queries or limits.queued_queries"));
            }
        };
        Ok(Pass { ticket, bell, state: Arc::clone(&self.state) })
    }
}

impl Pass {
    /// Waits until the query may run.
    pub(in crate::query) async fn admitted(&mut self) {
        if let Some(bell) = &mut self.bell {
            // The other end is kept until it rings: as long as this pass is there, it is not dropped.
            let _ = bell.await;
            self.bell = None;
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        state.bells.remove(&self.ticket);
        for next in state.queue.leave(self.ticket) {
            if let Some(bell) = state.bells.remove(&next) {
                // Whoever does not listen any more gives the place back when their own pass is dropped.
                let _ = bell.send(());
            }
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_pass_lets_the_next_one_in() {
        let gate = Gate::new(QueueLimits { concurrent: 1, concurrent_per_user: None, queued: 2 });
        let mut first = gate.arrive("ann").unwrap();
        first.admitted().await;
        let given_up = gate.arrive("ann").unwrap();
        let mut third = gate.arrive("ann").unwrap();
        let error = gate.arrive("ann").unwrap_err();
        assert!(error.code == ErrorCode::Throttled && error.message.contains("1 run and 2 wait"), "{error}");
        drop(given_up);
        drop(first);
        third.admitted().await;
    }
}
