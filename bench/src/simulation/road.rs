//! The way from the scheduler to Lambda: calls leave one after the other, and beyond a number under way in groups, through relays.

use std::time::Duration;

use arachne_engine::protocol::Attempt;

use super::conditions::Coordinator;
use super::lambda::Now;

/// One call of the Invoke API by the coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    Direct(Attempt),
    /// The first is the relay's own task.
    Group(Vec<Attempt>),
}

/// What becomes of an attempt that is launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Its own call, which leaves at this time.
    Leaves(Now),
    /// It waits for its group, which is made up at this time; told to the first of a group alone.
    Gathers(Option<Now>),
}

#[derive(Debug)]
pub(super) struct Road {
    rules: Coordinator,
    /// When the coordinator is free to make the next call.
    free: Now,
    under_way: usize,
    waiting: Vec<Attempt>,
}

impl Road {
    pub(super) fn new(rules: &Coordinator) -> Self {
        Self { rules: rules.clone(), free: Duration::ZERO, under_way: 0, waiting: Vec::new() }
    }

    pub(super) fn launched(&mut self, now: Now, attempt: Attempt) -> Way {
        self.under_way += 1;
        if self.under_way <= self.rules.two_level_above {
            return Way::Leaves(self.next_call(now));
        }
        self.waiting.push(attempt);
        Way::Gathers((self.waiting.len() == 1).then(|| now + self.rules.gather))
    }

    /// The groups that have gathered, and when each call leaves.
    pub(super) fn gathered(&mut self, now: Now) -> Vec<(Now, Call)> {
        let waiting = std::mem::take(&mut self.waiting);
        let groups = waiting.chunks(self.rules.group.max(1));
        groups
            .map(|group| match group {
                [single] => (self.next_call(now), Call::Direct(*single)),
                group => (self.next_call(now), Call::Group(group.to_vec())),
            })
            .collect()
    }

    /// The coordinator has its answer.
    pub(super) fn answered(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    fn next_call(&mut self, now: Now) -> Now {
        let leaves = self.free.max(now);
        self.free = leaves + Duration::from_secs_f64(1.0 / self.rules.calls_per_second);
        leaves
    }
}

#[cfg(test)]
mod tests {
    use arachne_engine::protocol::TaskKey;

    use super::super::conditions::Conditions;
    use super::*;

    fn attempt(task: u32) -> Attempt {
        Attempt { task: TaskKey { stage: 1, task }, number: 0 }
    }

    #[test]
    fn calls_leave_one_by_one_and_beyond_a_number_in_groups() {
        let rules = Coordinator {
            calls_per_second: 100.0,
            two_level_above: 2,
            group: 3,
            ..Conditions::new(1, 1, 0).coordinator
        };
        let ms = Duration::from_millis;
        let mut road = Road::new(&rules);
        assert_eq!(road.launched(ms(0), attempt(0)), Way::Leaves(ms(0)));
        assert_eq!(road.launched(ms(0), attempt(1)), Way::Leaves(ms(10)));
        assert_eq!(road.launched(ms(1), attempt(2)), Way::Gathers(Some(ms(6))));
        for task in 3..6 {
            assert_eq!(road.launched(ms(1), attempt(task)), Way::Gathers(None));
        }
        let group = Call::Group(vec![attempt(2), attempt(3), attempt(4)]);
        assert_eq!(road.gathered(ms(6)), vec![(ms(20), group), (ms(30), Call::Direct(attempt(5)))]);
        (0..5).for_each(|_| road.answered());
        assert_eq!(road.launched(ms(100), attempt(6)), Way::Leaves(ms(100)));
    }
}
