//! The scheduler: events in, actions out. No await, no clock, no I/O, no ambient randomness; time comes in with the event.
//!
//! A task becomes ready when every task of every stage it reads has committed. Ready attempts start in order of stage and task,
//! as many at once as the window allows (`window`), of stages that may not be needed whole only a few at first (`ramp`). The last
//! stragglers of a stage get a second attempt beside the first (`speculation`). The first attempt of a task to succeed is
//! committed, its rivals are abandoned, and any later answer is ignored.

mod ramp;
mod speculation;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use self::speculation::Finished;
pub use self::speculation::SpeculationPolicy;
use self::window::Window;
use super::retry::{Failure, RetryPolicy};
use crate::error::{Error, ErrorCode};
use crate::protocol::{Attempt, TaskKey};

/// Time since the run started.
pub(super) type Now = Duration;

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Submitted(Submission),
    /// `bytes` is the size of the output.
    Succeeded {
        attempt: Attempt,
        bytes: u64,
    },
    Failed(Attempt, Failure),
    /// An abandoned attempt has ended.
    Gone(Attempt),
    /// Time has passed: see [`Scheduler::next_wake`].
    Tick,
}

/// A task exists.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Submission {
    pub task: TaskKey,
    pub task_count: u32,
    /// Stages whose whole output it reads.
    pub upstream: BTreeSet<u32>,
    /// Bytes of table data it reads.
    pub scan_bytes: u64,
    /// Rows of some of the stage's tasks may be all that is wanted.
    pub ramp: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Launch(Attempt, Try),
    /// This attempt's output is the task's output from now on.
    Commit(Attempt),
    /// Nobody waits for this attempt any more; it is still in flight until the event says otherwise.
    Abandon(Attempt),
    /// The query has failed; nothing else will be asked for.
    FailQuery {
        task: TaskKey,
        error: Error,
    },
}

/// Why an attempt is launched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try {
    First,
    Again,
    /// After one that was killed for its memory.
    Frugal,
    /// Beside one that takes long.
    Beside,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SchedulerLimits {
    /// Attempts in flight at once.
    pub max_in_flight: usize,
    pub retry: RetryPolicy,
    pub speculation: SpeculationPolicy,
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
    /// When a stage's ramp, the window, or a task's patience, has something new to say.
    look_again: Option<Now>,
    in_flight: usize,
    window: Window,
    retries: u32,
    /// Of the query's budget.
    spent: u32,
    speculative: u32,
    failed: bool,
    rng: SmallRng,
}

#[derive(Debug, Default)]
struct Stage {
    task_count: u32,
    started: u32,
    committed: u32,
    ramp: bool,
    first_start: Option<Now>,
    finished: Finished,
    bytes_out: u64,
}

#[derive(Debug)]
struct Task {
    upstream: BTreeSet<u32>,
    scan_bytes: u64,
    state: State,
    launched: u32,
    running: Vec<Running>,
    failures: u32,
    throttles: u32,
    out_of_memory: u32,
    second_attempt: bool,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    number: u32,
    since: Now,
    launch: u64,
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
        let window = Window::new(limits.max_in_flight);
        Self {
            limits,
            tasks: BTreeMap::new(),
            stages: BTreeMap::new(),
            ready: BTreeSet::new(),
            delayed: BTreeSet::new(),
            look_again: None,
            in_flight: 0,
            window,
            retries: 0,
            spent: 0,
            speculative: 0,
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
            Event::Submitted(submission) => self.submitted(submission),
            Event::Succeeded { attempt, bytes } => self.succeeded(now, attempt, bytes, &mut actions),
            Event::Failed(attempt, failure) => self.attempt_failed(now, attempt, failure, &mut actions),
            Event::Gone(attempt) => {
                self.ended(attempt);
            }
            Event::Tick => {}
        }
        if !self.failed {
            self.release_delayed(now);
            self.look_again = None;
            self.launch_ready(now, &mut actions);
            self.launch_beside_stragglers(now, &mut actions);
        }
        actions
    }

    /// When to send the next [`Event::Tick`].
    pub fn next_wake(&self) -> Option<Now> {
        let delayed = self.delayed.first().map(|(at, _)| *at);
        delayed.into_iter().chain(self.look_again).min()
    }

    /// Attempts that were started again after a failure or a throttled start.
    pub fn retries(&self) -> u32 {
        self.retries
    }

    fn submitted(&mut self, submission: Submission) {
        let Submission { task: key, task_count, upstream, scan_bytes, ramp } = submission;
        debug_assert!(!self.tasks.contains_key(&key), "task {key} submitted twice");
        let stage = self.stages.entry(key.stage).or_default();
        stage.task_count = task_count;
        stage.ramp = ramp;
        let state =
            if upstream.iter().all(|stage| self.stage_committed(*stage)) { State::Ready } else { State::Blocked };
        if state == State::Ready {
            self.ready.insert(key);
        }
        let task = Task {
            upstream,
            scan_bytes,
            state,
            launched: 0,
            running: Vec::new(),
            failures: 0,
            throttles: 0,
            out_of_memory: 0,
            second_attempt: false,
        };
        self.tasks.insert(key, task);
    }

    /// Takes an attempt out of those in flight. `None` for one that is not: an answer came twice, or after it was given up.
    fn ended(&mut self, attempt: Attempt) -> Option<Running> {
        let task = self.tasks.get_mut(&attempt.task)?;
        let place = task.running.iter().position(|running| running.number == attempt.number)?;
        self.in_flight = self.in_flight.saturating_sub(1);
        Some(task.running.swap_remove(place))
    }

    fn succeeded(&mut self, now: Now, attempt: Attempt, bytes: u64, actions: &mut Vec<Action>) {
        let ended = self.ended(attempt);
        let Some(task) = self.tasks.get_mut(&attempt.task) else { return };
        if task.state == State::Committed {
            return;
        }
        task.state = State::Committed;
        actions.push(Action::Commit(attempt));
        actions.extend(task.running.iter().map(|rival| Action::Abandon(Attempt { number: rival.number, ..attempt })));
        let scan_bytes = task.scan_bytes;
        self.ready.remove(&attempt.task);
        self.delayed.retain(|(_, key)| *key != attempt.task);
        let stage = self.stages.entry(attempt.task.stage).or_default();
        stage.committed += 1;
        stage.bytes_out += bytes;
        if let Some(running) = ended {
            stage.finished.add(now.saturating_sub(running.since), scan_bytes);
        }
        if stage.committed == stage.task_count {
            self.unblock();
        }
    }

    fn attempt_failed(&mut self, now: Now, attempt: Attempt, failure: Failure, actions: &mut Vec<Action>) {
        let Some(ended) = self.ended(attempt) else { return };
        // A refusal spends the query's budget when it is news, or when nothing else is under way: a service that bears something is
        // not down, however many are refused at once.
        let spends = match failure {
            Failure::Throttled { .. } => {
                self.window.throttled(now, ended.launch, self.in_flight) || self.in_flight == 0
            }
            Failure::Transient(_) | Failure::OutOfMemory(_) | Failure::Permanent(_) => true,
        };
        let Some(task) = self.tasks.get_mut(&attempt.task) else { return };
        if task.state != State::Running {
            return;
        }
        let retry = &self.limits.retry;
        let jitter: f64 = self.rng.random();
        let rival = !task.running.is_empty();
        let (wait, give_up) = match failure {
            // The other attempt would fail the same way.
            Failure::Permanent(error) => (Duration::ZERO, Some(error)),
            // The other attempt may still succeed, and will be retried if it does not.
            _ if rival => return,
            Failure::Throttled { retry_after } => {
                task.throttles += 1;
                let asked = retry_after.unwrap_or_default().mul_f64(1.0 + 0.1 * jitter);
                (retry.backoff(task.throttles - 1, jitter).max(asked), None)
            }
            Failure::Transient(error) => {
                task.failures += 1;
                let last = task.failures >= retry.max_attempts;
                (retry.backoff(task.failures - 1, jitter), last.then_some(error))
            }
            Failure::OutOfMemory(error) => {
                task.out_of_memory += 1;
                (retry.backoff(0, jitter), (task.out_of_memory > 1).then_some(error))
            }
        };
        if let Some(error) = give_up {
            return self.fail(attempt.task, error, actions);
        }
        if spends && self.spent >= retry.query_budget {
            let error = Error::new(
                ErrorCode::Unavailable,
                format!(
                    "the query's budget of {} retries is spent; the last failure was task {}",
                    self.spent, attempt.task
                ),
            );
            return self.fail(attempt.task, error, actions);
        }
        self.retries += 1;
        self.spent += u32::from(spends);
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

    fn launch_ready(&mut self, now: Now, actions: &mut Vec<Action>) {
        let mut from = TaskKey { stage: 0, task: 0 };
        while let Some(key) = self.ready.range(from..).next().copied() {
            if !self.window.has_room(now, self.in_flight) {
                if let Some(at) = self.window.next_growth(now) {
                    self.wake_at(at);
                }
                break;
            }
            if self.held_back(now, key) {
                from = TaskKey { stage: key.stage + 1, task: 0 };
                continue;
            }
            self.ready.remove(&key);
            let Some(task) = self.tasks.get(&key) else { continue };
            let again = if task.out_of_memory > 0 { Try::Frugal } else { Try::Again };
            let why = if task.launched == 0 { Try::First } else { again };
            self.launch(now, key, why, actions);
        }
    }

    /// Whether the stage's ramp does not allow this first attempt yet; then time, or an answer, will.
    fn held_back(&mut self, now: Now, key: TaskKey) -> bool {
        let Some(stage) = self.stages.get(&key.stage).filter(|stage| stage.ramp) else { return false };
        if self.tasks.get(&key).is_some_and(|task| task.launched > 0) {
            return false;
        }
        let first_start = stage.first_start.unwrap_or(now);
        let running_for = now.saturating_sub(first_start);
        let held = stage.started >= ramp::allowance(stage.committed, running_for);
        if held {
            self.wake_at(first_start + ramp::next_step(running_for));
        }
        held
    }

    fn launch(&mut self, now: Now, key: TaskKey, why: Try, actions: &mut Vec<Action>) {
        let Some(task) = self.tasks.get_mut(&key) else { return };
        let attempt = Attempt { task: key, number: task.launched };
        let stage = self.stages.entry(key.stage).or_default();
        stage.first_start.get_or_insert(now);
        stage.started += u32::from(why == Try::First);
        task.launched += 1;
        task.state = State::Running;
        task.running.push(Running { number: attempt.number, since: now, launch: self.window.launched() });
        self.in_flight += 1;
        actions.push(Action::Launch(attempt, why));
    }

    fn launch_beside_stragglers(&mut self, now: Now, actions: &mut Vec<Action>) {
        let rule = &self.limits.speculation;
        let max_attempts = rule.max_attempts(self.tasks.len());
        let mut due = Vec::new();
        let mut later: Option<Now> = None;
        for (number, stage) in self.stages.iter().filter(|(_, stage)| stage.committed < stage.task_count) {
            if self.speculative >= max_attempts || rule.patience(stage.task_count, &stage.finished, 0, 0).is_none() {
                continue;
            }
            let tasks = TaskKey { stage: *number, task: 0 }..TaskKey { stage: *number + 1, task: 0 };
            for (key, task) in self.tasks.range(tasks).filter(|(_, task)| !task.second_attempt) {
                let [running] = task.running.as_slice() else { continue };
                let inputs = task.upstream.iter().filter_map(|up| self.stages.get(up)).map(|up| up.bytes_out).sum();
                let patience = rule.patience(stage.task_count, &stage.finished, task.scan_bytes, inputs);
                match patience.map(|patience| running.since + patience) {
                    Some(at) if at <= now => due.push(*key),
                    Some(at) => later = Some(later.map_or(at, |known| known.min(at))),
                    None => {}
                }
            }
        }
        for key in due {
            if self.speculative >= max_attempts || !self.window.has_room(now, self.in_flight) {
                break;
            }
            self.speculative += 1;
            if let Some(task) = self.tasks.get_mut(&key) {
                task.second_attempt = true;
            }
            self.launch(now, key, Try::Beside, actions);
        }
        if let Some(at) = later {
            self.wake_at(at);
        }
    }

    fn wake_at(&mut self, at: Now) {
        self.look_again = Some(self.look_again.map_or(at, |known| known.min(at)));
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
mod tests;
