use super::*;

const T0: Now = Duration::ZERO;

fn key(stage: u32, task: u32) -> TaskKey {
    TaskKey { stage, task }
}

fn attempt(stage: u32, task: u32, number: u32) -> Attempt {
    Attempt { task: key(stage, task), number }
}

fn submit(stage: u32, task: u32, task_count: u32, upstream: &[u32]) -> Event {
    let upstream = upstream.iter().copied().collect();
    Event::Submitted(Submission { task: key(stage, task), task_count, upstream, ..Submission::default() })
}

fn succeeded(attempt: Attempt) -> Event {
    Event::Succeeded { attempt, bytes: 0 }
}

fn failed(attempt: Attempt, failure: Failure) -> Event {
    Event::Failed(attempt, failure)
}

fn first(stage: u32, task: u32) -> Action {
    Action::Launch(attempt(stage, task, 0), Try::First)
}

fn again(stage: u32, task: u32, number: u32) -> Action {
    Action::Launch(attempt(stage, task, number), Try::Again)
}

fn beside(stage: u32, task: u32, number: u32) -> Action {
    Action::Launch(attempt(stage, task, number), Try::Beside)
}

fn seconds(seconds: f64) -> Now {
    Duration::from_secs_f64(seconds)
}

fn limits(max_in_flight: usize) -> SchedulerLimits {
    SchedulerLimits { max_in_flight, retry: RetryPolicy::default(), speculation: SpeculationPolicy::default() }
}

fn scheduler(max_in_flight: usize) -> Scheduler {
    Scheduler::new(limits(max_in_flight), 7)
}

fn transient() -> Failure {
    Failure::Transient(Error::new(ErrorCode::Unavailable, "gone"))
}

#[test]
fn a_task_waits_for_every_task_of_the_stages_it_reads() {
    let mut s = scheduler(10);
    assert_eq!(s.on_event(T0, submit(2, 0, 1, &[1])), vec![]);
    assert_eq!(s.on_event(T0, submit(1, 0, 2, &[])), vec![first(1, 0)]);
    assert_eq!(s.on_event(T0, submit(1, 1, 2, &[])), vec![first(1, 1)]);
    assert_eq!(s.on_event(T0, succeeded(attempt(1, 0, 0))), vec![Action::Commit(attempt(1, 0, 0))]);
    assert_eq!(s.on_event(T0, succeeded(attempt(1, 1, 0))), vec![Action::Commit(attempt(1, 1, 0)), first(2, 0)]);
}

#[test]
fn a_stage_is_not_complete_before_all_its_tasks_are_known() {
    let mut s = scheduler(10);
    s.on_event(T0, submit(1, 0, 2, &[]));
    s.on_event(T0, succeeded(attempt(1, 0, 0)));
    assert_eq!(s.on_event(T0, submit(2, 0, 1, &[1])), vec![]);
}

#[test]
fn no_more_attempts_run_than_the_limit_allows() {
    let mut s = scheduler(2);
    let launched: usize = (0..5).map(|task| s.on_event(T0, submit(1, task, 5, &[])).len()).sum();
    assert_eq!(launched, 2);
    let actions = s.on_event(T0, succeeded(attempt(1, 0, 0)));
    assert_eq!(actions, vec![Action::Commit(attempt(1, 0, 0)), first(1, 2)]);
}

#[test]
fn a_transient_failure_is_tried_again_after_a_backoff() {
    let mut s = scheduler(1);
    s.on_event(T0, submit(1, 0, 1, &[]));
    assert_eq!(s.on_event(T0, failed(attempt(1, 0, 0), transient())), vec![]);
    let wake = s.next_wake().unwrap();
    assert!(wake >= Duration::from_millis(25) && wake <= Duration::from_millis(50), "{wake:?}");
    assert_eq!(s.on_event(wake, Event::Tick), vec![again(1, 0, 1)]);
    assert_eq!(s.retries(), 1);
}

#[test]
fn the_last_attempt_fails_the_query_with_its_own_error() {
    let mut s = scheduler(1);
    s.on_event(T0, submit(1, 0, 1, &[]));
    let mut now = T0;
    for number in 0..3 {
        assert_eq!(s.on_event(now, failed(attempt(1, 0, number), transient())), vec![]);
        now = s.next_wake().unwrap();
        s.on_event(now, Event::Tick);
    }
    let actions = s.on_event(now, failed(attempt(1, 0, 3), transient()));
    assert!(matches!(&actions[..], [Action::FailQuery { error, .. }] if error.message == "gone"), "{actions:?}");
    assert_eq!(s.on_event(now, Event::Tick), vec![]);
}

#[test]
fn a_permanent_failure_is_not_tried_again() {
    let mut s = scheduler(1);
    s.on_event(T0, submit(1, 0, 1, &[]));
    let error = Error::new(ErrorCode::InvalidData, "row 3 is broken");
    let actions = s.on_event(T0, failed(attempt(1, 0, 0), Failure::Permanent(error.clone())));
    assert_eq!(actions, vec![Action::FailQuery { task: key(1, 0), error }]);
}

#[test]
fn throttling_narrows_the_window_and_keeps_the_retry_after() {
    let mut s = scheduler(4);
    for task in 0..4 {
        s.on_event(T0, submit(1, task, 8, &[]));
    }
    let wait = Duration::from_secs(3);
    s.on_event(T0, failed(attempt(1, 0, 0), Failure::Throttled { retry_after: Some(wait) }));
    let wake = s.next_wake().unwrap();
    assert!(wake >= wait && wake <= wait.mul_f64(1.1), "{wake:?}");
    assert_eq!(s.on_event(T0, submit(1, 4, 8, &[])), vec![], "three run, the window is two");
    s.on_event(T0, succeeded(attempt(1, 1, 0)));
    let actions = s.on_event(T0, succeeded(attempt(1, 2, 0)));
    assert_eq!(actions, vec![Action::Commit(attempt(1, 2, 0)), first(1, 4)]);
}

#[test]
fn throttling_never_uses_up_a_tasks_attempts() {
    let mut s = scheduler(1);
    s.on_event(T0, submit(1, 0, 1, &[]));
    let mut now = T0;
    for number in 0..20 {
        let failure = Failure::Throttled { retry_after: None };
        assert_eq!(s.on_event(now, failed(attempt(1, 0, number), failure)), vec![]);
        now = s.next_wake().unwrap();
        assert_eq!(s.on_event(now, Event::Tick), vec![again(1, 0, number + 1)]);
    }
}

#[test]
fn the_answer_of_a_replaced_attempt_is_ignored_unless_it_is_the_first_success() {
    let mut s = scheduler(4);
    s.on_event(T0, submit(1, 0, 1, &[]));
    s.on_event(T0, failed(attempt(1, 0, 0), transient()));
    let now = s.next_wake().unwrap();
    s.on_event(now, Event::Tick);
    assert_eq!(s.on_event(now, succeeded(attempt(1, 0, 1))), vec![Action::Commit(attempt(1, 0, 1))]);
    assert_eq!(s.on_event(now, succeeded(attempt(1, 0, 0))), vec![]);
    assert_eq!(s.on_event(now, failed(attempt(1, 0, 0), transient())), vec![]);
}

#[test]
fn out_of_memory_is_tried_once_more_with_less() {
    let mut s = scheduler(1);
    s.on_event(T0, submit(1, 0, 1, &[]));
    assert_eq!(s.on_event(T0, failed(attempt(1, 0, 0), out_of_memory())), vec![]);
    let now = s.next_wake().unwrap();
    assert_eq!(s.on_event(now, Event::Tick), vec![Action::Launch(attempt(1, 0, 1), Try::Frugal)]);
    let actions = s.on_event(now, failed(attempt(1, 0, 1), out_of_memory()));
    assert!(matches!(&actions[..], [Action::FailQuery { .. }]), "{actions:?}");
}

#[test]
fn throttled_starts_are_not_counted_among_the_failures_of_a_task() {
    let mut s = scheduler(1);
    s.on_event(T0, submit(1, 0, 1, &[]));
    let mut now = T0;
    for number in 0..12 {
        // Three refusals to each failure: the third failure is still not the fourth attempt.
        let failure = if number % 4 == 3 { transient() } else { Failure::Throttled { retry_after: None } };
        assert_eq!(s.on_event(now, failed(attempt(1, 0, number), failure)), vec![]);
        now = s.next_wake().unwrap();
        s.on_event(now, Event::Tick);
    }
    let actions = s.on_event(now, failed(attempt(1, 0, 12), transient()));
    assert!(matches!(&actions[..], [Action::FailQuery { .. }]), "{actions:?}");
}

#[test]
fn a_burst_of_throttling_leaves_what_the_service_bears_and_time_gives_more() {
    let mut s = scheduler(8);
    for task in 0..8 {
        s.on_event(T0, submit(1, task, 8, &[]));
    }
    let wait = Some(seconds(0.5));
    for task in 4..8 {
        s.on_event(T0, failed(attempt(1, task, 0), Failure::Throttled { retry_after: wait }));
    }
    assert_eq!(s.on_event(seconds(0.6), Event::Tick), vec![], "four run, and were too many with a fifth");
    assert_eq!(s.next_wake(), Some(seconds(1.1)));
    assert_eq!(s.on_event(seconds(1.1), Event::Tick), vec![], "three, and one more by now");
    assert_eq!(s.on_event(seconds(1.2), Event::Tick), vec![again(1, 4, 1)]);
}

#[test]
fn many_refusals_at_once_are_not_the_end_of_a_query_that_makes_progress() {
    let retry = RetryPolicy { query_budget: 3, ..RetryPolicy::default() };
    let mut s = Scheduler::new(SchedulerLimits { retry, ..limits(1_000) }, 1);
    for task in 0..1_000 {
        s.on_event(T0, submit(1, task, 1_000, &[]));
    }
    for task in 100..1_000 {
        let actions = s.on_event(seconds(0.1), failed(attempt(1, task, 0), Failure::Throttled { retry_after: None }));
        assert_eq!(actions, vec![], "task {task}");
    }
    assert_eq!(s.retries(), 900);
    for task in 0..100 {
        let actions = s.on_event(seconds(0.2), succeeded(attempt(1, task, 0)));
        assert!(actions.contains(&Action::Commit(attempt(1, task, 0))));
    }
}

#[test]
fn a_service_that_refuses_everything_ends_the_query() {
    let retry = RetryPolicy { query_budget: 10, ..RetryPolicy::default() };
    let mut s = Scheduler::new(SchedulerLimits { retry, ..limits(50) }, 1);
    let mut running: Vec<Action> = (0..50).flat_map(|task| s.on_event(T0, submit(1, task, 50, &[]))).collect();
    let mut now = T0;
    let mut refused = 0;
    while !matches!(&running[..], [Action::FailQuery { .. }]) {
        assert!(refused < 500, "{refused} were refused and the query goes on");
        let attempts = std::mem::take(&mut running).into_iter().filter_map(|action| match action {
            Action::Launch(attempt, _) => Some(attempt),
            _ => None,
        });
        for attempt in attempts {
            refused += 1;
            running.extend(s.on_event(now, failed(attempt, Failure::Throttled { retry_after: None })));
        }
        if running.is_empty() {
            now = s.next_wake().unwrap().max(now);
            running = s.on_event(now, Event::Tick);
        }
    }
}

#[test]
fn an_answer_that_comes_twice_frees_one_place_only() {
    let mut s = scheduler(2);
    for task in 0..4 {
        s.on_event(T0, submit(1, task, 4, &[]));
    }
    let actions = s.on_event(T0, succeeded(attempt(1, 0, 0)));
    assert_eq!(actions, vec![Action::Commit(attempt(1, 0, 0)), first(1, 2)]);
    assert_eq!(s.on_event(T0, succeeded(attempt(1, 0, 0))), vec![]);
    assert_eq!(s.on_event(T0, failed(attempt(1, 0, 0), transient())), vec![]);
}

#[test]
fn the_query_has_one_budget_of_retries() {
    let retry = RetryPolicy { query_budget: 2, ..RetryPolicy::default() };
    let mut s = Scheduler::new(SchedulerLimits { retry, ..limits(9) }, 1);
    for task in 0..3 {
        s.on_event(T0, submit(1, task, 3, &[]));
    }
    assert_eq!(s.on_event(T0, failed(attempt(1, 0, 0), transient())), vec![]);
    assert_eq!(s.on_event(T0, failed(attempt(1, 1, 0), transient())), vec![]);
    let actions = s.on_event(T0, failed(attempt(1, 2, 0), transient()));
    assert!(
        matches!(&actions[..], [Action::FailQuery { error, .. }] if error.message.contains("budget")),
        "{actions:?}"
    );
}

#[test]
fn the_same_seed_gives_the_same_backoff() {
    let wake = |seed| {
        let mut s = Scheduler::new(limits(1), seed);
        s.on_event(T0, submit(1, 0, 1, &[]));
        s.on_event(T0, failed(attempt(1, 0, 0), transient()));
        s.next_wake()
    };
    assert_eq!(wake(3), wake(3));
    assert_ne!(wake(3), wake(4));
}

fn out_of_memory() -> Failure {
    Failure::OutOfMemory(Error::new(ErrorCode::ResourceExhausted, "killed"))
}

/// Four tasks, of which three took a second each and the last still runs.
fn straggling(places: usize) -> Scheduler {
    let mut s = scheduler(8);
    for task in 0..4 {
        s.on_event(T0, submit(1, task, 4, &[]));
    }
    for task in 0..3 {
        s.on_event(seconds(1.0), succeeded(attempt(1, task, 0)));
    }
    assert_eq!(s.next_wake(), Some(seconds(2.0)));
    s.window = Window::new(places);
    s
}

#[test]
fn a_straggler_gets_a_second_attempt_and_the_first_answer_wins() {
    for winner in 0..2 {
        let loser = 1 - winner;
        let mut s = straggling(8);
        assert_eq!(s.on_event(seconds(1.9), Event::Tick), vec![]);
        assert_eq!(s.on_event(seconds(2.0), Event::Tick), vec![beside(1, 3, 1)]);
        assert_eq!(s.next_wake(), None, "there is no third");
        let actions = s.on_event(seconds(3.0), succeeded(attempt(1, 3, winner)));
        assert_eq!(actions, vec![Action::Commit(attempt(1, 3, winner)), Action::Abandon(attempt(1, 3, loser))]);
        assert_eq!(s.on_event(seconds(4.0), succeeded(attempt(1, 3, loser))), vec![], "late");
        assert_eq!(s.on_event(seconds(5.0), failed(attempt(1, 3, loser), transient())), vec![], "later");
    }
}

#[test]
fn while_one_of_two_attempts_runs_the_other_s_failure_counts_for_nothing() {
    for (fails, stays) in [(0, 1), (1, 0)] {
        let failures = [transient(), out_of_memory(), Failure::Throttled { retry_after: None }];
        for failure in failures {
            let mut s = straggling(8);
            s.on_event(seconds(2.0), Event::Tick);
            assert_eq!(s.on_event(seconds(2.5), failed(attempt(1, 3, fails), failure)), vec![]);
            assert_eq!(s.retries(), 0);
            let actions = s.on_event(seconds(3.0), succeeded(attempt(1, 3, stays)));
            assert_eq!(actions, vec![Action::Commit(attempt(1, 3, stays))]);
        }
    }
}

#[test]
fn when_both_attempts_fail_the_task_is_tried_again() {
    let mut s = straggling(8);
    s.on_event(seconds(2.0), Event::Tick);
    s.on_event(seconds(2.5), failed(attempt(1, 3, 0), transient()));
    assert_eq!(s.on_event(seconds(2.6), failed(attempt(1, 3, 1), transient())), vec![]);
    let now = s.next_wake().unwrap();
    assert_eq!(s.on_event(now, Event::Tick), vec![again(1, 3, 2)]);
    assert_eq!(s.on_event(now + seconds(9.0), Event::Tick), vec![], "one second attempt a task");
}

#[test]
fn an_error_of_the_user_ends_the_query_whatever_else_runs() {
    let mut s = straggling(8);
    s.on_event(seconds(2.0), Event::Tick);
    let error = Error::new(ErrorCode::InvalidData, "row 3 is broken");
    let actions = s.on_event(seconds(2.5), failed(attempt(1, 3, 1), Failure::Permanent(error.clone())));
    assert_eq!(actions, vec![Action::FailQuery { task: key(1, 3), error }]);
}

#[test]
fn an_abandoned_attempt_keeps_its_place_until_it_has_gone() {
    let mut s = straggling(2);
    s.on_event(seconds(2.0), Event::Tick);
    s.on_event(seconds(3.0), succeeded(attempt(1, 3, 1)));
    assert_eq!(s.on_event(seconds(3.0), submit(2, 0, 2, &[1])), vec![first(2, 0)]);
    assert_eq!(s.on_event(seconds(3.0), submit(2, 1, 2, &[1])), vec![]);
    assert_eq!(s.on_event(seconds(3.5), Event::Gone(attempt(1, 3, 0))), vec![first(2, 1)]);
}

#[test]
fn a_second_attempt_waits_for_a_place() {
    let mut s = straggling(1);
    assert_eq!(s.on_event(seconds(2.0), Event::Tick), vec![]);
    assert_eq!(s.next_wake(), None, "only an answer can make room");
}

#[test]
fn a_stage_of_one_task_is_judged_by_the_bytes_it_reads() {
    let mut s = scheduler(4);
    let submission = Submission { task: key(1, 0), task_count: 1, scan_bytes: 100_000_000, ..Submission::default() };
    s.on_event(T0, Event::Submitted(submission));
    assert_eq!(s.next_wake(), Some(seconds(20.0)), "5 s, and 20 MB/s, twice");
    assert_eq!(s.on_event(seconds(20.0), Event::Tick), vec![beside(1, 0, 1)]);
}

#[test]
fn the_output_of_the_stages_it_reads_counts_for_a_tiny_stage() {
    let mut s = scheduler(4);
    s.on_event(T0, submit(1, 0, 1, &[]));
    s.on_event(T0, submit(2, 0, 1, &[1]));
    s.on_event(seconds(1.0), Event::Succeeded { attempt: attempt(1, 0, 0), bytes: 200_000_000 });
    assert_eq!(s.next_wake(), Some(seconds(31.0)));
}

#[test]
fn second_attempts_are_bounded_for_the_query() {
    let mut s = scheduler(100);
    for stage in 1..=3 {
        s.on_event(T0, submit(stage, 0, 1, &[]));
    }
    let actions = s.on_event(seconds(60.0), Event::Tick);
    assert_eq!(actions, vec![beside(1, 0, 1), beside(2, 0, 1)]);
    assert_eq!(s.next_wake(), None);
    let mut off = Scheduler::new(SchedulerLimits { speculation: SpeculationPolicy::off(), ..limits(9) }, 1);
    off.on_event(T0, submit(1, 0, 1, &[]));
    assert_eq!(off.on_event(seconds(600.0), Event::Tick), vec![]);
}

fn submit_ramped(task: u32, task_count: u32) -> Event {
    Event::Submitted(Submission { task: key(1, task), task_count, ramp: true, ..Submission::default() })
}

#[test]
fn a_ramp_starts_one_task_and_two_more_for_each_that_commits() {
    let mut s = scheduler(100);
    assert_eq!(s.on_event(T0, submit_ramped(0, 8)), vec![first(1, 0)]);
    for task in 1..8 {
        assert_eq!(s.on_event(T0, submit_ramped(task, 8)), vec![]);
    }
    let actions = s.on_event(seconds(0.1), succeeded(attempt(1, 0, 0)));
    assert_eq!(actions, vec![Action::Commit(attempt(1, 0, 0)), first(1, 1), first(1, 2)]);
    let actions = s.on_event(seconds(0.2), succeeded(attempt(1, 1, 0)));
    assert_eq!(actions, vec![Action::Commit(attempt(1, 1, 0)), first(1, 3), first(1, 4)]);
}

#[test]
fn a_ramp_doubles_with_time_and_does_not_hold_other_stages_or_retries() {
    let mut s = scheduler(100);
    for task in 0..8 {
        s.on_event(T0, submit_ramped(task, 8));
    }
    assert_eq!(s.on_event(T0, submit(2, 0, 5, &[])), vec![first(2, 0)]);
    assert_eq!(s.next_wake(), Some(seconds(1.0)));
    assert_eq!(s.on_event(seconds(1.0), Event::Tick), vec![first(1, 1)]);
    s.on_event(seconds(1.5), failed(attempt(1, 0, 0), transient()));
    let retry = s.next_wake().unwrap();
    assert_eq!(s.on_event(retry, Event::Tick), vec![again(1, 0, 1)]);
    assert_eq!(s.next_wake(), Some(seconds(2.0)));
    assert_eq!(s.on_event(seconds(2.0), Event::Tick), vec![first(1, 2), first(1, 3)]);
}
