//! The scheduler: events in, actions out. No await, no clock, no I/O, no ambient randomness; time comes in with the event.
//!
//! A task becomes ready when every task of every stage it reads has committed. Ready attempts start in order of stage and task,
//! as many at once as the window allows; the window halves when the service throttles and grows back by one per round of successes
//! (additive increase, multiplicative decrease). The first attempt of a task to succeed is committed; any later answer is ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::retry::{Failure, RetryPolicy};
use crate::error::{Error, ErrorCode};
use crate::protocol::{Attempt, TaskKey};

/// Time since the run started.
pub(super) type Now = Duration;

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A task exists. `upstream` are the stages whose whole output it reads.
    Submitted {
        task: TaskKey,
        task_count: u32,
        upstream: BTreeSet<u32>,
    },
    Succeeded(Attempt),
    Failed(Attempt, Failure),
    /// Time has passed: see [`Scheduler::next_wake`].
    Tick,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Launch(Attempt),
    /// This attempt's output is the task's output from now on.
    Commit(Attempt),
    /// The query has failed; nothing else will be asked for.
    FailQuery {
        task: TaskKey,
        error: Error,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct SchedulerLimits {
    /// Attempts in flight at once.
    pub max_in_flight: usize,
    pub retry: RetryPolicy,
}

#[derive(Debug)]
pub struct Scheduler {
    limits: SchedulerLimits,
    tasks: BTreeMap<TaskKey, Task>,
    stages: BTreeMap<u32, Stage>,
    /// Tasks whose inputs are committed and that wait for a place.
    ready: BTreeSet<TaskKey>,
    /// Tasks that wait out a backoff.
    delayed: BTreeSet<(Now, TaskKey)>,
    in_flight: usize,
    window: f64,
    retries: u32,
    failed: bool,
    rng: SmallRng,
}

#[derive(Debug, Default)]
struct Stage {
    task_count: u32,
    committed: u32,
}

#[derive(Debug)]
struct Task {
    upstream: BTreeSet<u32>,
    state: State,
    launched: u32,
    failures: u32,
    out_of_memory: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Blocked,
    Ready,
    Delayed,
    Running,
    Committed,
}

impl Scheduler {
    /// The same seed and the same events give the same actions.
    pub fn new(limits: SchedulerLimits, seed: u64) -> Self {
        let window = limits.max_in_flight.max(1) as f64;
        Self {
            limits,
            tasks: BTreeMap::new(),
            stages: BTreeMap::new(),
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
            in_flight: 0,
            window,
            retries: 0,
            failed: false,
            rng: SmallRng::seed_from_u64(seed),
        }
    }

    pub fn on_event(&mut self, now: Now, event: Event) -> Vec<Action> {
        if self.failed {
            return Vec::new();
        }
        let mut actions = Vec::new();
        match event {
            Event::Submitted { task, task_count, upstream } => self.submitted(task, task_count, upstream),
            Event::Succeeded(attempt) => self.succeeded(attempt, &mut actions),
            Event::Failed(attempt, failure) => self.attempt_failed(now, attempt, failure, &mut actions),
            Event::Tick => {}
        }
        if !self.failed {
            self.release_delayed(now);
            self.launch_ready(&mut actions);
        }
        actions
    }

    /// When to send the next [`Event::Tick`].
    pub fn next_wake(&self) -> Option<Now> {
        self.delayed.first().map(|(at, _)| *at)
    }

    /// Attempts that were started again after a failure or a throttled start.
    pub fn retries(&self) -> u32 {
        self.retries
    }

    fn submitted(&mut self, key: TaskKey, task_count: u32, upstream: BTreeSet<u32>) {
        debug_assert!(!self.tasks.contains_key(&key), "task {key} submitted twice");
        self.stages.entry(key.stage).or_default().task_count = task_count;
        let state =
            if upstream.iter().all(|stage| self.stage_committed(*stage)) { State::Ready } else { State::Blocked };
        if state == State::Ready {
            self.ready.insert(key);
        }
        self.tasks.insert(key, Task { upstream, state, launched: 0, failures: 0, out_of_memory: 0 });
    }

    fn succeeded(&mut self, attempt: Attempt, actions: &mut Vec<Action>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.window = (self.window + 1.0 / self.window).min(self.limits.max_in_flight.max(1) as f64);
        let Some(task) = self.tasks.get_mut(&attempt.task) else { return };
        if task.state == State::Committed {
            return;
        }
        task.state = State::Committed;
        self.ready.remove(&attempt.task);
        self.delayed.retain(|(_, key)| *key != attempt.task);
        actions.push(Action::Commit(attempt));
        let stage = self.stages.entry(attempt.task.stage).or_default();
        stage.committed += 1;
        if stage.committed == stage.task_count {
            self.unblock();
        }
    }

    fn attempt_failed(&mut self, now: Now, attempt: Attempt, failure: Failure, actions: &mut Vec<Action>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(task) = self.tasks.get_mut(&attempt.task) else { return };
        if task.state != State::Running || attempt.number + 1 != task.launched {
            return;
        }
        task.failures += 1;
        let mut wait = self.limits.retry.backoff(task.failures - 1, self.rng.random());
        let give_up = match failure {
            Failure::Throttled { retry_after } => {
                self.window = (self.window / 2.0).max(1.0);
                wait = wait.max(retry_after.unwrap_or_default());
                None
            }
            Failure::Transient(error) => (task.failures >= self.limits.retry.max_attempts).then_some(error),
            Failure::OutOfMemory(error) => {
                task.out_of_memory += 1;
                (task.out_of_memory > 1).then_some(error)
            }
            Failure::Permanent(error) => Some(error),
        };
        if let Some(error) = give_up {
            return self.fail(attempt.task, error, actions);
        }
        if self.retries >= self.limits.retry.query_budget {
            let error = Error::new(
                ErrorCode::Unavailable,
                format!(
                    "the query's budget of {} retries is spent; the last failure was task {}",
                    self.retries, attempt.task
                ),
            );
            return self.fail(attempt.task, error, actions);
        }
        self.retries += 1;
        task.state = State::Delayed;
        self.delayed.insert((now + wait, attempt.task));
    }

    fn fail(&mut self, task: TaskKey, error: Error, actions: &mut Vec<Action>) {
        self.failed = true;
        actions.push(Action::FailQuery { task, error });
    }

    fn release_delayed(&mut self, now: Now) {
        while let Some((at, key)) = self.delayed.first().copied()
            && at <= now
        {
            self.delayed.pop_first();
            self.set_ready(key);
        }
    }

    fn launch_ready(&mut self, actions: &mut Vec<Action>) {
        while self.in_flight < self.window as usize
            && let Some(key) = self.ready.pop_first()
        {
            let Some(task) = self.tasks.get_mut(&key) else { continue };
            let attempt = Attempt { task: key, number: task.launched };
            task.launched += 1;
            task.state = State::Running;
            self.in_flight += 1;
            actions.push(Action::Launch(attempt));
        }
    }

    fn unblock(&mut self) {
        let free: Vec<TaskKey> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.state == State::Blocked)
            .filter(|(_, task)| task.upstream.iter().all(|stage| self.stage_committed(*stage)))
            .map(|(key, _)| *key)
            .collect();
        for key in free {
            self.set_ready(key);
        }
    }

    fn set_ready(&mut self, key: TaskKey) {
        if let Some(task) = self.tasks.get_mut(&key) {
            task.state = State::Ready;
            self.ready.insert(key);
        }
    }

    fn stage_committed(&self, stage: u32) -> bool {
        self.stages.get(&stage).is_some_and(|stage| stage.task_count > 0 && stage.committed == stage.task_count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Now = Duration::ZERO;

    fn key(stage: u32, task: u32) -> TaskKey {
        TaskKey { stage, task }
    }

    fn attempt(stage: u32, task: u32, number: u32) -> Attempt {
        Attempt { task: key(stage, task), number }
    }

    fn submit(stage: u32, task: u32, task_count: u32, upstream: &[u32]) -> Event {
        Event::Submitted { task: key(stage, task), task_count, upstream: upstream.iter().copied().collect() }
    }

    fn scheduler(max_in_flight: usize) -> Scheduler {
        Scheduler::new(SchedulerLimits { max_in_flight, retry: RetryPolicy::default() }, 7)
    }

    fn transient() -> Failure {
        Failure::Transient(Error::new(ErrorCode::Unavailable, "gone"))
    }

    #[test]
    fn a_task_waits_for_every_task_of_the_stages_it_reads() {
        let mut s = scheduler(10);
        assert_eq!(s.on_event(T0, submit(2, 0, 1, &[1])), vec![]);
        assert_eq!(s.on_event(T0, submit(1, 0, 2, &[])), vec![Action::Launch(attempt(1, 0, 0))]);
        assert_eq!(s.on_event(T0, submit(1, 1, 2, &[])), vec![Action::Launch(attempt(1, 1, 0))]);
        assert_eq!(s.on_event(T0, Event::Succeeded(attempt(1, 0, 0))), vec![Action::Commit(attempt(1, 0, 0))]);
        assert_eq!(
            s.on_event(T0, Event::Succeeded(attempt(1, 1, 0))),
            vec![Action::Commit(attempt(1, 1, 0)), Action::Launch(attempt(2, 0, 0))]
        );
    }

    #[test]
    fn a_stage_is_not_complete_before_all_its_tasks_are_known() {
        let mut s = scheduler(10);
        s.on_event(T0, submit(1, 0, 2, &[]));
        s.on_event(T0, Event::Succeeded(attempt(1, 0, 0)));
        assert_eq!(s.on_event(T0, submit(2, 0, 1, &[1])), vec![]);
    }

    #[test]
    fn no_more_attempts_run_than_the_limit_allows() {
        let mut s = scheduler(2);
        let launched: usize = (0..5).map(|task| s.on_event(T0, submit(1, task, 5, &[])).len()).sum();
        assert_eq!(launched, 2);
        let actions = s.on_event(T0, Event::Succeeded(attempt(1, 0, 0)));
        assert_eq!(actions, vec![Action::Commit(attempt(1, 0, 0)), Action::Launch(attempt(1, 2, 0))]);
    }

    #[test]
    fn a_transient_failure_is_tried_again_after_a_backoff() {
        let mut s = scheduler(1);
        s.on_event(T0, submit(1, 0, 1, &[]));
        assert_eq!(s.on_event(T0, Event::Failed(attempt(1, 0, 0), transient())), vec![]);
        let wake = s.next_wake().unwrap();
        assert!(wake >= Duration::from_millis(25) && wake <= Duration::from_millis(50), "{wake:?}");
        assert_eq!(s.on_event(wake, Event::Tick), vec![Action::Launch(attempt(1, 0, 1))]);
        assert_eq!(s.retries(), 1);
    }

    #[test]
    fn the_last_attempt_fails_the_query_with_its_own_error() {
        let mut s = scheduler(1);
        s.on_event(T0, submit(1, 0, 1, &[]));
        let mut now = T0;
        for number in 0..3 {
            assert_eq!(s.on_event(now, Event::Failed(attempt(1, 0, number), transient())), vec![]);
            now = s.next_wake().unwrap();
            s.on_event(now, Event::Tick);
        }
        let actions = s.on_event(now, Event::Failed(attempt(1, 0, 3), transient()));
        assert!(matches!(&actions[..], [Action::FailQuery { error, .. }] if error.message == "gone"), "{actions:?}");
        assert_eq!(s.on_event(now, Event::Tick), vec![]);
    }

    #[test]
    fn a_permanent_failure_is_not_tried_again() {
        let mut s = scheduler(1);
        s.on_event(T0, submit(1, 0, 1, &[]));
        let error = Error::new(ErrorCode::InvalidData, "row 3 is broken");
        let actions = s.on_event(T0, Event::Failed(attempt(1, 0, 0), Failure::Permanent(error.clone())));
        assert_eq!(actions, vec![Action::FailQuery { task: key(1, 0), error }]);
    }

    #[test]
    fn throttling_halves_the_window_and_keeps_the_retry_after() {
        let mut s = scheduler(4);
        for task in 0..4 {
            s.on_event(T0, submit(1, task, 8, &[]));
        }
        let wait = Duration::from_secs(3);
        s.on_event(T0, Event::Failed(attempt(1, 0, 0), Failure::Throttled { retry_after: Some(wait) }));
        assert_eq!(s.next_wake(), Some(wait));
        assert_eq!(s.on_event(T0, submit(1, 4, 8, &[])), vec![], "three run, the window is two");
        s.on_event(T0, Event::Succeeded(attempt(1, 1, 0)));
        let actions = s.on_event(T0, Event::Succeeded(attempt(1, 2, 0)));
        assert_eq!(actions, vec![Action::Commit(attempt(1, 2, 0)), Action::Launch(attempt(1, 4, 0))]);
    }

    #[test]
    fn throttling_never_uses_up_a_tasks_attempts() {
        let mut s = scheduler(1);
        s.on_event(T0, submit(1, 0, 1, &[]));
        let mut now = T0;
        for number in 0..20 {
            let failure = Failure::Throttled { retry_after: None };
            assert_eq!(s.on_event(now, Event::Failed(attempt(1, 0, number), failure)), vec![]);
            now = s.next_wake().unwrap();
            assert_eq!(s.on_event(now, Event::Tick), vec![Action::Launch(attempt(1, 0, number + 1))]);
        }
    }

    #[test]
    fn the_answer_of_a_replaced_attempt_is_ignored_unless_it_is_the_first_success() {
        let mut s = scheduler(4);
        s.on_event(T0, submit(1, 0, 1, &[]));
        s.on_event(T0, Event::Failed(attempt(1, 0, 0), transient()));
        let now = s.next_wake().unwrap();
        s.on_event(now, Event::Tick);
        assert_eq!(s.on_event(now, Event::Succeeded(attempt(1, 0, 1))), vec![Action::Commit(attempt(1, 0, 1))]);
        assert_eq!(s.on_event(now, Event::Succeeded(attempt(1, 0, 0))), vec![]);
        assert_eq!(s.on_event(now, Event::Failed(attempt(1, 0, 0), transient())), vec![]);
    }

    #[test]
    fn out_of_memory_is_tried_once_more() {
        let mut s = scheduler(1);
        s.on_event(T0, submit(1, 0, 1, &[]));
        let oom = || Failure::OutOfMemory(Error::new(ErrorCode::ResourceExhausted, "killed"));
        assert_eq!(s.on_event(T0, Event::Failed(attempt(1, 0, 0), oom())), vec![]);
        let now = s.next_wake().unwrap();
        s.on_event(now, Event::Tick);
        let actions = s.on_event(now, Event::Failed(attempt(1, 0, 1), oom()));
        assert!(matches!(&actions[..], [Action::FailQuery { .. }]), "{actions:?}");
    }

    #[test]
    fn the_query_has_one_budget_of_retries() {
        let retry = RetryPolicy { query_budget: 2, ..RetryPolicy::default() };
        let mut s = Scheduler::new(SchedulerLimits { max_in_flight: 9, retry }, 1);
        for task in 0..3 {
            s.on_event(T0, submit(1, task, 3, &[]));
        }
        assert_eq!(s.on_event(T0, Event::Failed(attempt(1, 0, 0), transient())), vec![]);
        assert_eq!(s.on_event(T0, Event::Failed(attempt(1, 1, 0), transient())), vec![]);
        let actions = s.on_event(T0, Event::Failed(attempt(1, 2, 0), transient()));
        assert!(
            matches!(&actions[..], [Action::FailQuery { error, .. }] if error.message.contains("budget")),
            "{actions:?}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_backoff() {
        let wake = |seed| {
            let mut s = Scheduler::new(SchedulerLimits { max_in_flight: 1, retry: RetryPolicy::default() }, seed);
            s.on_event(T0, submit(1, 0, 1, &[]));
            s.on_event(T0, Event::Failed(attempt(1, 0, 0), transient()));
            s.next_wake()
        };
        assert_eq!(wake(3), wake(3));
        assert_ne!(wake(3), wake(4));
    }
}
