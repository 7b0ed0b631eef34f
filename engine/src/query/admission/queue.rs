//! The queue itself, a pure state machine: arrivals and departures in, admissions out.
//!
//! Users take turns: each time a place is free, the user whose turn it is gets it for the oldest of their queries, and goes to
//! the end of the round. A user with a hundred queries waiting delays another user's first by one query, not by a hundred.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// How many queries run, and how many wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueLimits {
    /// Queries that run at once.
    pub concurrent: usize,
    /// Of one user; no bound of its own if not set.
    pub concurrent_per_user: Option<usize>,
    /// Queries that wait; further ones are refused.
    pub queued: usize,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { concurrent: 16, concurrent_per_user: None, queued: 200 }
    }
}

/// One query in the queue or past it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ticket(u64);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    Admitted(Ticket),
    Waits(Ticket),
    /// The queue is full.
    Refused,
}

#[derive(Debug)]
pub(super) struct Queue {
    limits: QueueLimits,
    next: u64,
    /// The user of every query that runs.
    running: BTreeMap<Ticket, String>,
    waiting: BTreeMap<String, VecDeque<Ticket>>,
    /// Users with queries that wait, whose turn is next first.
    round: VecDeque<String>,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self { limits, next: 0, running: BTreeMap::new(), waiting: BTreeMap::new(), round: VecDeque::new() }
    }

    pub(super) fn arrive(&mut self, user: &str) -> Arrival {
        let ticket = Ticket(self.next);
        if !self.waiting.contains_key(user) && self.has_place_for(user) {
            self.next += 1;
            self.running.insert(ticket, user.to_owned());
            return Arrival::Admitted(ticket);
        }
        if self.queued() >= self.limits.queued {
            return Arrival::Refused;
        }
        self.next += 1;
        if !self.waiting.contains_key(user) {
            self.round.push_back(user.to_owned());
        }
        self.waiting.entry(user.to_owned()).or_default().push_back(ticket);
        Arrival::Waits(ticket)
    }

    /// A query has ended, or no longer waits. Returns those that run now.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Vec<Ticket> {
        if self.running.remove(&ticket).is_none() {
            for tickets in self.waiting.values_mut() {
                tickets.retain(|waiting| *waiting != ticket);
            }
            self.drop_idle_users();
        }
        std::iter::from_fn(|| self.admit_next()).collect()
    }

    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    pub(super) fn queued(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    fn admit_next(&mut self) -> Option<Ticket> {
        let turn = self.round.iter().position(|user| self.has_place_for(user))?;
        let user = self.round.remove(turn)?;
        let ticket = self.waiting.get_mut(&user)?.pop_front()?;
        self.round.push_back(user.clone());
        self.drop_idle_users();
        self.running.insert(ticket, user);
        Some(ticket)
    }

    /// There is always a place for the first query.
    fn has_place_for(&self, user: &str) -> bool {
        let theirs = self.running.values().filter(|running| *running == user).count();
        self.running.len() < self.limits.concurrent.max(1)
            && self.limits.concurrent_per_user.is_none_or(|limit| theirs < limit.max(1))
    }

    fn drop_idle_users(&mut self) {
        self.waiting.retain(|_, tickets| !tickets.is_empty());
        self.round.retain(|user| self.waiting.contains_key(user));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn those_beyond_the_limit_wait_and_those_beyond_the_queue_are_refused() {
        let mut queue = queue(2, None, 1);
        let first = admitted(queue.arrive("ann"));
        admitted(queue.arrive("ann"));
        let third = waits(queue.arrive("bob"));
        assert_eq!(queue.arrive("cid"), Arrival::Refused);
        assert_eq!(queue.leave(first), [third]);
        waits(queue.arrive("cid"));
        assert_eq!((queue.running(), queue.queued()), (2, 1));
    }

    #[test]
    fn users_take_turns() {
        let mut queue = queue(1, None, 10);
        let mut running = admitted(queue.arrive("ann"));
        let ann: Vec<_> = (0..3).map(|_| waits(queue.arrive("ann"))).collect();
        let bob: Vec<_> = (0..2).map(|_| waits(queue.arrive("bob"))).collect();
        let mut order = Vec::new();
        while let [next] = queue.leave(running)[..] {
            order.push(next);
            running = next;
        }
        assert_eq!(order, [ann[0], bob[0], ann[1], bob[1], ann[2]]);
        assert_eq!((queue.running(), queue.queued()), (0, 0));
    }

    #[test]
    fn a_users_own_limit_leaves_places_to_others() {
        let mut queue = queue(3, Some(1), 10);
        let first = admitted(queue.arrive("ann"));
        let second = waits(queue.arrive("ann"));
        let bob = admitted(queue.arrive("bob"));
        assert_eq!(queue.leave(bob), []);
        assert_eq!(queue.leave(first), [second]);
    }

    #[test]
    fn who_no_longer_waits_is_passed_over() {
        let mut queue = queue(1, None, 10);
        let first = admitted(queue.arrive("ann"));
        let gone = waits(queue.arrive("ann"));
        let next = waits(queue.arrive("ann"));
        assert_eq!(queue.leave(gone), []);
        assert_eq!(queue.leave(first), [next]);
        assert_eq!(queue.leave(next), []);
        admitted(queue.arrive("bob"));
    }

    #[test]
    fn one_query_at_a_time_never_waits() {
        let mut queue = queue(0, Some(0), 0);
        for _ in 0..3 {
            let ticket = admitted(queue.arrive("ann"));
            assert_eq!(queue.leave(ticket), []);
        }
    }

    proptest! {
        /// Whatever comes and goes: no limit is passed, no place stays free that somebody could have, nobody is lost.
        #[test]
        fn limits_hold_and_nobody_is_lost(steps in prop::collection::vec((0..4usize, any::<bool>(), any::<usize>()), 1..200)) {
            let limits = QueueLimits { concurrent: 3, concurrent_per_user: Some(2), queued: 5 };
            let mut queue = Queue::new(limits.clone());
            let (mut here, mut admitted) = (Vec::new(), 0usize);
            for (user, arrives, which) in steps {
                if arrives || here.is_empty() {
                    match queue.arrive(["a", "b", "c", "d"][user]) {
                        Arrival::Admitted(ticket) => { here.push(ticket); admitted += 1; }
                        Arrival::Waits(ticket) => here.push(ticket),
                        Arrival::Refused => prop_assert_eq!(queue.queued(), limits.queued),
                    }
                } else {
                    let ticket = here.swap_remove(which % here.len());
                    let ran = queue.running.contains_key(&ticket);
                    admitted = admitted + queue.leave(ticket).len() - usize::from(ran);
                }
                prop_assert_eq!(queue.running(), admitted);
                prop_assert_eq!(queue.running() + queue.queued(), here.len());
                prop_assert!(queue.running() <= limits.concurrent && queue.queued() <= limits.queued);
                prop_assert!(!queue.round.iter().any(|user| queue.has_place_for(user)));
            }
            while let Some(ticket) = here.pop() {
                queue.leave(ticket);
            }
            prop_assert_eq!((queue.running(), queue.queued(), queue.round.len()), (0, 0, 0));
        }
    }

    fn queue(concurrent: usize, concurrent_per_user: Option<usize>, queued: usize) -> Queue {
        Queue::new(QueueLimits { concurrent, concurrent_per_user, queued })
    }

    fn admitted(arrival: Arrival) -> Ticket {
        let Arrival::Admitted(ticket) = arrival else { panic!("{arrival:?}") };
        ticket
    }

    fn waits(arrival: Arrival) -> Ticket {
        let Arrival::Waits(ticket) = arrival else { panic!("{arrival:?}") };
        ticket
    }
}
