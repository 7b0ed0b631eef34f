//! Ten thousand tasks through the pure scheduler: what it takes of the coordinator by itself.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use arachne_engine::coordinator::{
    Action, Event, Failure, RetryPolicy, Scheduler, SchedulerLimits, SpeculationPolicy, Submission,
};
use arachne_engine::protocol::TaskKey;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const TASKS: u32 = 10_000;

/// Runs all tasks of one stage; every `refused`-th start is answered with 429. Returns how many committed.
fn run(max_in_flight: usize, refused: Option<usize>) -> u32 {
    let retry = RetryPolicy { query_budget: u32::MAX, ..RetryPolicy::default() };
    let mut scheduler =
        Scheduler::new(SchedulerLimits { max_in_flight, retry, speculation: SpeculationPolicy::default() }, 1);
    let (mut running, mut committed, mut started) = (VecDeque::new(), 0, 0);
    let mut now = Duration::ZERO;
    let mut perform = |actions: Vec<Action>, running: &mut VecDeque<_>| {
        for action in actions {
            match action {
                Action::Launch(attempt, _) => running.push_back(attempt),
                Action::Commit(_) => committed += 1,
                Action::Abandon(_) | Action::FailQuery { .. } => {}
            }
        }
        committed
    };
    for task in 0..TASKS {
        let task = TaskKey { stage: 1, task };
        let submission = Submission { task, task_count: TASKS, scan_bytes: 1, ..Submission::default() };
        perform(scheduler.on_event(now, Event::Submitted(submission)), &mut running);
    }
    let mut done = 0;
    while done < TASKS {
        let event = match running.pop_front() {
            Some(attempt) => {
                started += 1;
                now += Duration::from_micros(100);
                match refused {
                    Some(every) if started % every == 0 => {
                        Event::Failed(attempt, Failure::Throttled { retry_after: Some(Duration::from_secs(1)) })
                    }
                    _ => Event::Succeeded { attempt, bytes: 1_000 },
                }
            }
            // All that is left waits for a time to come.
            None => {
                now = scheduler.next_wake().map_or(now, |wake| wake.max(now));
                Event::Tick
            }
        };
        done = perform(scheduler.on_event(now, event), &mut running);
    }
    done
}

fn scheduler(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scheduler");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(TASKS)));
    group.bench_function("10,000 tasks, 256 places", |b| b.iter(|| run(black_box(256), None)));
    group.bench_function("10,000 tasks, 10,000 places", |b| b.iter(|| run(black_box(10_000), None)));
    group.bench_function("10,000 tasks, 10,000 places, every third start refused", |b| {
        b.iter(|| run(black_box(10_000), Some(3)));
    });
    group.finish();
}

criterion_group!(benches, scheduler);
criterion_main!(benches);
