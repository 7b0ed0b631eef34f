//! One run: the scheduler's actions lead to happenings, happenings in order of time to the scheduler's events.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::{Duration, Instant};

use arachne_engine::coordinator::{
    Action, Event, Failure, RetryPolicy, Scheduler, SchedulerLimits, SpeculationPolicy, Submission, Try,
};
use arachne_engine::protocol::{Attempt, TaskKey};
use arachne_engine::{Error, ErrorCode};

use super::case::Case;
use super::conditions::Conditions;
use super::figures::{Figures, Outcome};
use super::lambda::{Environment, Now, Refused, VirtualLambda};
use super::luck::of_attempt;
use super::road::{Call, Road, Way};
use super::task::{fate, gets, hears_of_the_end};

const STAGE: u32 = 1;

/// Keeps what is drawn for the way apart from what is drawn for the work.
const OF_THE_WAY: u64 = 0x5EED_0F7E_3A11;

/// Runs a case to its end.
pub(super) fn simulate(case: &Case, conditions: &Conditions, seed: u64) -> Outcome {
    let mut world = World::new(case, conditions, seed);
    for task in 0..case.tasks {
        let submission = Submission {
            task: TaskKey { stage: STAGE, task },
            task_count: case.tasks,
            scan_bytes: case.bytes,
            ..Submission::default()
        };
        world.tell(Event::Submitted(submission));
    }
    while let Some(Reverse(next)) = world.coming.pop() {
        world.now = next.at;
        world.happens(next.what);
    }
    world.outcome()
}

struct World<'a> {
    case: &'a Case,
    conditions: &'a Conditions,
    seed: u64,
    now: Now,
    coming: BinaryHeap<Reverse<Coming>>,
    /// Of happenings at the same time, what was foreseen first comes first.
    foreseen: u64,
    scheduler: Scheduler,
    scheduler_time: Duration,
    tick: Option<Now>,
    lambda: VirtualLambda,
    road: Road,
    running: HashMap<Attempt, Running>,
    groups: Vec<Group>,
    given_up: HashMap<Attempt, Now>,
    committed: u32,
    started: u32,
    /// Set when the query has succeeded or failed; what still runs is told to stop.
    over: bool,
    figures: Figures,
}

enum Happening {
    Tick,
    Gathered,
    Arrives(Call),
    /// A relay's call for a member of its group.
    Passed(Attempt, usize),
    /// Unless it was foreseen anew in the meantime, an attempt ends.
    Ends(Attempt, u32),
    Heard(Vec<(Attempt, Ending)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Done,
    Stopped,
    Crashed,
    Refused,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    environment: Environment,
    since: Now,
    until: Now,
    ending: Ending,
    foreseen: u32,
    group: Option<usize>,
}

/// Members of a relay's group, the relay's own task among them.
#[derive(Debug)]
struct Group {
    relay: Attempt,
    since: Now,
    environment: Option<Environment>,
    members: Vec<Attempt>,
    endings: Vec<(Attempt, Ending)>,
    died: bool,
}

impl<'a> World<'a> {
    fn new(case: &'a Case, conditions: &'a Conditions, seed: u64) -> Self {
        let limits = SchedulerLimits {
            max_in_flight: conditions.coordinator.max_in_flight,
            retry: RetryPolicy::default(),
            speculation: SpeculationPolicy::default(),
        };
        Self {
            case,
            conditions,
            seed,
            now: Duration::ZERO,
            coming: BinaryHeap::new(),
            foreseen: 0,
            scheduler: Scheduler::new(limits, seed),
            scheduler_time: Duration::ZERO,
            tick: None,
            lambda: VirtualLambda::new(&conditions.lambda, conditions.network.burst_bytes),
            road: Road::new(&conditions.coordinator),
            running: HashMap::new(),
            groups: Vec::new(),
            given_up: HashMap::new(),
            committed: 0,
            started: 0,
            over: false,
            figures: Figures::default(),
        }
    }

    fn foresee(&mut self, at: Now, what: Happening) {
        self.foreseen += 1;
        self.coming.push(Reverse(Coming { at: at.max(self.now), order: self.foreseen, what }));
    }

    fn happens(&mut self, what: Happening) {
        match what {
            // Another was set for an earlier time.
            Happening::Tick if self.over || self.tick != Some(self.now) => {}
            Happening::Tick => {
                self.tick = None;
                self.tell(Event::Tick);
            }
            Happening::Gathered => {
                for (leaves, call) in self.road.gathered(self.now) {
                    let (there, _) = self.trip(call_for(&call));
                    self.foresee(leaves + there, Happening::Arrives(call));
                }
            }
            Happening::Arrives(_) if self.over => {}
            Happening::Arrives(Call::Direct(attempt)) => self.invoke(attempt, None),
            Happening::Arrives(Call::Group(members)) => self.invoke_relay(members),
            Happening::Passed(attempt, group) if self.over || self.groups[group].died => {
                self.member_ended(group, attempt, Ending::Stopped);
            }
            Happening::Passed(attempt, group) => self.invoke(attempt, Some(group)),
            Happening::Ends(attempt, foreseen) => self.attempt_ends(attempt, foreseen),
            Happening::Heard(endings) => self.hear(endings),
        }
    }

    /// The scheduler hears of something, and what it wants done is done.
    fn tell(&mut self, event: Event) {
        let started = Instant::now();
        let actions = self.scheduler.on_event(self.now, event);
        self.scheduler_time += started.elapsed();
        for action in actions {
            match action {
                Action::Launch(attempt, why) => self.launch(attempt, why),
                Action::Commit(_) => self.commit(),
                Action::Abandon(attempt) => self.give_up(attempt),
                Action::FailQuery { error, .. } => {
                    self.figures.failure = Some(error.message);
                    self.end();
                }
            }
        }
        if let Some(wake) = self.scheduler.next_wake()
            && self.tick.is_none_or(|tick| wake < tick)
        {
            let at = wake.max(self.now + Duration::from_millis(1));
            self.tick = Some(at);
            self.foresee(at, Happening::Tick);
        }
    }

    fn launch(&mut self, attempt: Attempt, why: Try) {
        self.figures.speculated += u32::from(why == Try::Beside);
        match self.road.launched(self.now, attempt) {
            Way::Leaves(leaves) => {
                let (there, _) = self.trip(attempt);
                self.foresee(leaves + there, Happening::Arrives(Call::Direct(attempt)));
            }
            Way::Gathers(Some(at)) => self.foresee(at, Happening::Gathered),
            Way::Gathers(None) => {}
        }
    }

    fn commit(&mut self) {
        self.committed += 1;
        if u64::from(self.committed) * 10 >= u64::from(self.case.tasks) * 9 && self.figures.nine_tenths.is_zero() {
            self.figures.nine_tenths = self.now;
        }
        if self.committed == self.case.tasks {
            self.end();
        }
    }

    fn end(&mut self) {
        self.over = true;
        self.figures.makespan = self.now;
        let mut left: Vec<Attempt> = self.running.keys().copied().collect();
        left.sort();
        if !left.is_empty() {
            self.figures.requests.put += 1;
        }
        for attempt in left {
            self.stop(attempt);
        }
    }

    fn give_up(&mut self, attempt: Attempt) {
        self.figures.requests.put += 1;
        self.given_up.insert(attempt, self.now);
        self.stop(attempt);
    }

    /// An attempt that runs stops when it next asks; one that has not started yet, when it first asks.
    fn stop(&mut self, attempt: Attempt) {
        let Some(running) = self.running.get_mut(&attempt) else { return };
        let hears = hears_of_the_end(self.conditions, running.since, self.now);
        if hears < running.until {
            (running.until, running.ending) = (hears, Ending::Stopped);
            running.foreseen += 1;
            let foreseen = running.foreseen;
            self.foresee(hears, Happening::Ends(attempt, foreseen));
        }
    }

    /// Half of the latency each way.
    fn trip(&self, attempt: Attempt) -> (Duration, Duration) {
        let mut rng = of_attempt(self.seed ^ OF_THE_WAY, attempt);
        let mut half = || Duration::from_secs_f64(self.conditions.lambda.latency.draw(&mut rng) / 2.0);
        (half(), half())
    }

    fn invoke(&mut self, attempt: Attempt, group: Option<usize>) {
        match self.lambda.invoke(self.now) {
            Ok(environment) => self.start(attempt, environment, group),
            Err(Refused) => match group {
                Some(group) => self.member_ended(group, attempt, Ending::Refused),
                None => self.answer(attempt, vec![(attempt, Ending::Refused)]),
            },
        }
    }

    fn invoke_relay(&mut self, members: Vec<Attempt>) {
        let [relay, others @ ..] = members.as_slice() else { return };
        let (relay, others) = (*relay, others.to_vec());
        let Ok(environment) = self.lambda.invoke(self.now) else {
            return self.answer(relay, members.iter().map(|member| (*member, Ending::Refused)).collect());
        };
        self.figures.relays += 1;
        let index = self.groups.len();
        let cold = environment.is_cold();
        let group =
            Group { relay, since: self.now, environment: Some(environment), members, endings: Vec::new(), died: false };
        self.groups.push(group);
        self.start(relay, environment, Some(index));
        // It can call nobody before it is initialised.
        let cold_start = self.conditions.lambda.cold_start.p50;
        let begins = self.now + if cold { Duration::from_secs_f64(cold_start) } else { Duration::ZERO };
        let between = Duration::from_secs_f64(1.0 / self.conditions.coordinator.relay_calls_per_second);
        for (place, member) in (1..).zip(others) {
            let (there, _) = self.trip(member);
            self.foresee(begins + between * place + there, Happening::Passed(member, index));
        }
    }

    fn start(&mut self, attempt: Attempt, environment: Environment, group: Option<usize>) {
        self.figures.invocations += 1;
        if attempt.number == 0 {
            self.started += 1;
            self.figures.last_start = self.now;
        }
        let mut rng = of_attempt(self.seed, attempt);
        let fate = fate(self.conditions, &environment, self.now, self.case.bytes, &mut rng);
        let until = self.now + fate.billed;
        let ending = if fate.crashes { Ending::Crashed } else { Ending::Done };
        let environment = Environment { burst_left: fate.burst_left, ..environment };
        self.running.insert(attempt, Running { environment, since: self.now, until, ending, foreseen: 0, group });
        self.foresee(until, Happening::Ends(attempt, 0));
        if self.given_up.contains_key(&attempt) {
            self.stop(attempt);
        }
    }

    fn attempt_ends(&mut self, attempt: Attempt, foreseen: u32) {
        let Some(running) = self.running.get(&attempt).filter(|running| running.foreseen == foreseen).copied() else {
            return;
        };
        self.running.remove(&attempt);
        let Running { environment, since, ending, group, .. } = running;
        let ran = self.now.saturating_sub(since);
        self.figures.requests.get += gets(self.conditions, self.case.bytes, ran);
        self.figures.requests.bytes_scanned += self.case.bytes;
        self.figures.crashes += u32::from(ending == Ending::Crashed);
        let left = (ending != Ending::Crashed)
            .then_some(Environment { idle_since: Some(self.now), burst_left: environment.burst_left });
        match group {
            Some(group) if self.groups[group].relay == attempt => {
                // Its environment is busy until it has answered for all.
                self.groups[group].environment = left;
                if ending == Ending::Crashed {
                    return self.relay_died(group);
                }
                self.member_ended(group, attempt, ending);
            }
            Some(group) => {
                self.bill(ran);
                self.lambda.ended(left);
                self.member_ended(group, attempt, ending);
            }
            None => {
                self.bill(ran);
                self.lambda.ended(left);
                self.answer(attempt, vec![(attempt, ending)]);
            }
        }
    }

    fn bill(&mut self, ran: Duration) {
        self.figures.gb_seconds += ran.as_secs_f64() * self.conditions.worker.memory_mb as f64 / 1024.0;
    }

    /// Once the last of a group has ended, the relay answers for all.
    fn member_ended(&mut self, index: usize, attempt: Attempt, ending: Ending) {
        let now = self.now;
        let group = &mut self.groups[index];
        if group.died {
            return;
        }
        group.endings.push((attempt, ending));
        let is_last = group.endings.len() == group.members.len();
        let together = self.conditions.coordinator.answers_together;
        let (relay, since) = (group.relay, group.since);
        let endings = match together {
            true if is_last => std::mem::take(&mut group.endings),
            true => Vec::new(),
            false => vec![(attempt, ending)],
        };
        if is_last {
            let environment = group.environment.take();
            self.lambda.ended(environment.map(|left| Environment { idle_since: Some(now), ..left }));
            self.bill(now.saturating_sub(since));
        }
        if !endings.is_empty() {
            self.answer(relay, endings);
        }
    }

    /// All its members have failed, as far as the coordinator can tell; they run on for nobody.
    fn relay_died(&mut self, index: usize) {
        let group = &mut self.groups[index];
        group.died = true;
        let (relay, since) = (group.relay, group.since);
        let endings = group.members.iter().map(|member| (*member, Ending::Crashed)).collect();
        self.lambda.ended(None);
        self.bill(self.now.saturating_sub(since));
        self.answer(relay, endings);
    }

    fn answer(&mut self, from: Attempt, endings: Vec<(Attempt, Ending)>) {
        let (_, back) = self.trip(from);
        self.foresee(self.now + back, Happening::Heard(endings));
    }

    fn hear(&mut self, endings: Vec<(Attempt, Ending)>) {
        for (attempt, ending) in endings {
            self.road.answered();
            if self.over {
                continue;
            }
            let retry_after = Some(self.conditions.lambda.retry_after);
            let event = match ending {
                Ending::Done => Event::Succeeded { attempt, bytes: 0 },
                Ending::Stopped => Event::Gone(attempt),
                Ending::Crashed => {
                    let error = Error::new(ErrorCode::Unavailable, "the worker crashed");
                    Event::Failed(attempt, Failure::Transient(error))
                }
                Ending::Refused => Event::Failed(attempt, Failure::Throttled { retry_after }),
            };
            self.tell(event);
        }
    }

    fn outcome(self) -> Outcome {
        let figures = Figures {
            cold_starts: self.lambda.cold_starts(),
            refusals: self.lambda.refusals(),
            peak: self.lambda.peak(),
            retries: self.scheduler.retries(),
            ..self.figures
        };
        Outcome { figures, scheduler: self.scheduler_time }
    }
}

/// The attempt whose connection a call uses.
fn call_for(call: &Call) -> Attempt {
    match call {
        Call::Direct(attempt) => *attempt,
        Call::Group(members) => members[0],
    }
}

/// Something that will happen, in order of time.
struct Coming {
    at: Now,
    order: u64,
    what: Happening,
}

impl Ord for Coming {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Coming {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Coming {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Coming {}

#[cfg(test)]
mod tests {
    use super::super::case::Setup;
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn case(setup: Setup, tasks: u32) -> Case {
        Case { setup, tasks, bytes: 64 * MIB }
    }

    fn run(setup: Setup, tasks: u32, seed: u64) -> Figures {
        let case = case(setup, tasks);
        simulate(&case, &setup.conditions(), seed).figures
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_seed_others() {
        for setup in Setup::ALL {
            assert_eq!(run(setup, 1_500, 7), run(setup, 1_500, 7), "{setup:?}");
        }
        assert_ne!(run(Setup::Raised, 1_500, 7), run(Setup::Raised, 1_500, 8));
    }

    #[test]
    fn every_task_is_run_and_paid_for() {
        for setup in Setup::ALL {
            let figures = run(setup, 1_500, 3);
            assert_eq!(figures.failure, None, "{setup:?}");
            assert!(figures.invocations >= 1_500 && figures.requests.get >= 1_500 * 9, "{figures:?}");
            let attempts = figures.invocations as f64;
            // 64 MiB take two thirds of a second of one vCPU; a second attempt that is stopped takes less.
            let seconds = figures.gb_seconds / (1769.0 / 1024.0);
            assert!(seconds > 0.6 * 1_500.0 && seconds < 1.6 * attempts, "{seconds} s of {attempts} attempts");
        }
    }

    #[test]
    fn no_more_run_at_once_than_lambda_and_settings_allow() {
        assert!(run(Setup::AsInstalled, 2_000, 1).peak <= 256);
        assert_eq!(run(Setup::WholeAccountWarm, 3_000, 1).cold_starts, 0);
        let beyond = run(Setup::BeyondTheAccount, 3_000, 1);
        assert!(beyond.peak <= 1_000 && beyond.refusals > 0, "{beyond:?}");
    }

    #[test]
    fn a_dead_relay_s_group_is_run_again() {
        let mut conditions = Setup::RaisedWarm.conditions();
        conditions.worker.crash_share = 0.05;
        let case = case(Setup::RaisedWarm, 1_000);
        let figures = simulate(&case, &conditions, 5).figures;
        assert_eq!(figures.failure, None);
        assert!(figures.crashes > 20 && figures.retries > figures.crashes, "{figures:?}");
    }
}
