//! Runs over workers that do as they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt as _, join_all};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::error::{Error, ErrorCode};
use crate::invoker::{Bill, InvocationReply, InvokeError, WorkerInvoker};
use crate::protocol::{
    Attempt, Blob, CancelMarker, ExchangeConfig, Manifest, OutputKind, RunId, StageInput, TaskKey, TaskOutput,
    TaskRequest, TaskResponse, TaskStats,
};

type Answer = Result<(TaskOutput, TaskStats), Error>;
type Script = dyn Fn(TaskRequest, Arc<InMemory>) -> BoxFuture<'static, Answer> + Send + Sync;

/// Workers that follow a script, and what they were asked.
struct Scripted {
    script: Box<Script>,
    store: Arc<InMemory>,
    asked: Mutex<Vec<TaskRequest>>,
    stops_on_drop: bool,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

#[async_trait]
impl WorkerInvoker for Scripted {
    async fn invoke(&self, payload: Bytes) -> Result<InvocationReply, InvokeError> {
        let request: TaskRequest = serde_json::from_slice(&payload).unwrap();
        self.asked.lock().unwrap().push(request.clone());
        let attempt = request.attempt;
        let answer = (self.script)(request, Arc::clone(&self.store)).await;
        let response = match answer {
            Ok((output, stats)) => TaskResponse { attempt, result: Ok(output), stats },
            Err(error) => TaskResponse { attempt, result: Err(error), stats: TaskStats::default() },
        };
        Ok(InvocationReply { payload: serde_json::to_vec(&response).unwrap().into(), bill: Bill::default() })
    }

    fn stops_on_drop(&self) -> bool {
        self.stops_on_drop
    }
}

struct Scene {
    workers: Arc<Scripted>,
    run: Run,
}

fn scene(
    change: impl FnOnce(&mut RunConfig),
    stops_on_drop: bool,
    script: impl Fn(TaskRequest, Arc<InMemory>) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
) -> Scene {
    let store = Arc::new(InMemory::new());
    let asked = Mutex::default();
    let workers = Arc::new(Scripted { script: Box::new(script), store: Arc::clone(&store), asked, stops_on_drop });
    let mut config = RunConfig {
        query_id: "q".to_owned(),
        run: RunId(uuid::Uuid::nil()),
        invoker: Arc::clone(&workers) as _,
        exchange: Some(ExchangeConfig { url: "s3://bucket/".to_owned() }),
        exchange_store: Some(store),
        limits: SchedulerLimits {
            max_in_flight: 64,
            retry: RetryPolicy::default(),
            speculation: SpeculationPolicy::off(),
        },
        options: Vec::new(),
        head_inputs: BTreeSet::new(),
        inline_limit_head: 0,
        inline_limit_stage: 0,
        task_timeout: Duration::from_secs(60),
        max_bytes_scanned: None,
        combine_above: COMBINE_ABOVE,
        seed: 1,
    };
    change(&mut config);
    Scene { workers, run: Run::start(config, &CancellationToken::new()) }
}

impl Scene {
    fn submit_all(&self, stage: u32, tasks: u32, upstream: &[u32]) -> Vec<BoxFuture<'static, Result<(), Error>>> {
        self.submit_shuffled(stage, tasks, upstream, BTreeMap::new())
    }

    fn submit_shuffled(
        &self,
        stage: u32,
        tasks: u32,
        upstream: &[u32],
        shuffles: BTreeMap<u32, u32>,
    ) -> Vec<BoxFuture<'static, Result<(), Error>>> {
        let submit = |task| {
            let spec = TaskSpec {
                task: TaskKey { stage, task },
                task_count: tasks,
                upstream: upstream.iter().copied().collect(),
                shuffles: shuffles.clone(),
                output: OutputKind::Shuffle,
                plan: Bytes::from_static(b"plan"),
                pins: Vec::new(),
                scan_bytes: 0,
                limited: false,
            };
            let run = self.run.clone();
            tokio::spawn(async move { run.submit(spec).await }).map(Result::unwrap).boxed()
        };
        (0..tasks).map(submit).collect()
    }

    fn asked(&self) -> Vec<Attempt> {
        self.workers.asked.lock().unwrap().iter().map(|request| request.attempt).collect()
    }

    async fn until_asked(&self, attempts: usize) {
        while self.asked().len() < attempts {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn marker(store: &InMemory) -> Option<CancelMarker> {
    let path = Path::from(format!("{}/cancelled", uuid::Uuid::nil()));
    let bytes = store.get(&path).await.ok()?.bytes().await.unwrap();
    Some(serde_json::from_slice(&bytes).unwrap())
}

/// What a worker does that runs until it is told to stop.
async fn until_cancelled(attempt: Attempt, store: Arc<InMemory>) -> Answer {
    while !marker(&store).await.is_some_and(|marker| marker.covers(attempt)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(Error::new(ErrorCode::Cancelled, "no longer wanted"))
}

fn output(partitions: usize) -> TaskOutput {
    TaskOutput { offsets: vec![0; partitions + 1], inline: None, copy: None, rows: 3 }
}

fn done(partitions: usize) -> Answer {
    Ok((output(partitions), TaskStats::default()))
}

#[tokio::test]
async fn workers_of_a_run_that_nobody_wants_are_told_and_waited_for() {
    let scene = scene(
        |config| config.limits.max_in_flight = 2,
        false,
        |request, store| until_cancelled(request.attempt, store).boxed(),
    );
    let tasks = scene.submit_all(1, 5, &[]);
    scene.until_asked(2).await;
    let observer = scene.run.observer();
    assert_eq!(observer.progress().tasks_running, 2);
    scene.run.stop();
    for ended in join_all(tasks).await {
        assert_eq!(ended.unwrap_err().code, ErrorCode::Cancelled);
    }
    assert_eq!(observer.ended().await, 0);
    assert_eq!(scene.asked().len(), 2, "what has not started never starts");
    assert_eq!(marker(&scene.workers.store).await, Some(CancelMarker::Run));
    assert!(observer.wrote_exchange());
}

#[tokio::test]
async fn a_failed_query_stops_its_other_workers() {
    let scene = scene(
        |_| (),
        false,
        |request, store| match request.attempt.task.task {
            0 => async { Err(Error::new(ErrorCode::InvalidData, "row 3 is broken")) }.boxed(),
            _ => until_cancelled(request.attempt, store).boxed(),
        },
    );
    for ended in join_all(scene.submit_all(1, 4, &[])).await {
        assert_eq!(ended.unwrap_err().message, "row 3 is broken");
    }
    assert_eq!(scene.run.observer().ended().await, 0);
    assert_eq!(marker(&scene.workers.store).await, Some(CancelMarker::Run));
}

#[tokio::test]
async fn workers_that_stop_when_dropped_are_dropped() {
    let (alive, mut gone) = tokio::sync::mpsc::channel::<()>(1);
    let scene = scene(
        |_| (),
        true,
        move |_, _| {
            let alive = alive.clone();
            async move {
                let _alive = alive;
                std::future::pending().await
            }
            .boxed()
        },
    );
    let tasks = scene.submit_all(1, 3, &[]);
    scene.until_asked(3).await;
    let Scene { workers, run } = scene;
    let observer = run.observer();
    run.stop();
    join_all(tasks).await;
    assert_eq!(observer.ended().await, 0);
    assert_eq!(marker(&workers.store).await, None);
    drop((run, workers));
    assert_eq!(gone.recv().await, None, "no invocation is left");
}

#[tokio::test]
async fn a_straggler_is_overtaken_and_told_to_stop() {
    let quick = SpeculationPolicy { min_excess: Duration::from_millis(20), ..SpeculationPolicy::default() };
    let scene = scene(
        |config| config.limits.speculation = quick,
        false,
        |request, store| match (request.attempt.task.task, request.attempt.number) {
            (3, 0) => until_cancelled(request.attempt, store).boxed(),
            _ => async { done(1) }.boxed(),
        },
    );
    for ended in join_all(scene.submit_all(1, 4, &[])).await {
        ended.unwrap();
    }
    let straggler = Attempt { task: TaskKey { stage: 1, task: 3 }, number: 0 };
    while marker(&scene.workers.store).await != Some(CancelMarker::Attempts(vec![straggler])) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let stages = scene.run.observer().stages();
    assert_eq!((stages[0].attempts, stages[0].speculative, stages[0].retried, stages[0].rows), (5, 1, 0, 12));
    assert_eq!((stages[0].tasks_detail[3].winner, stages[0].tasks_detail[3].attempts), (Some(1), 2));
}

#[tokio::test]
async fn a_wide_manifest_is_written_once_and_named_to_every_reader() {
    let wide = |partitions: usize| move |_: TaskRequest, _| async move { done(partitions) }.boxed();
    for (partitions, stored) in [(1, false), (200_000, true)] {
        // Offsets that do not compress.
        let scene = scene(
            |_| (),
            false,
            move |request, store| match request.attempt.task.stage {
                1 => async move {
                    let offsets = (0..=partitions as u64).scan(0, |end, i| {
                        *end += i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 50;
                        Some(*end)
                    });
                    let output = TaskOutput { offsets: offsets.collect(), inline: None, copy: None, rows: 1 };
                    Ok((output, TaskStats::default()))
                }
                .boxed(),
                _ => wide(1)(request, store),
            },
        );
        let mut tasks = scene.submit_all(1, 1, &[]);
        tasks.extend(scene.submit_all(2, 3, &[1]));
        for ended in join_all(tasks).await {
            ended.unwrap();
        }
        let asked = scene.workers.asked.lock().unwrap().clone();
        let name = format!("{}/1/manifest", uuid::Uuid::nil());
        for reader in asked.iter().filter(|request| request.attempt.task.stage == 2) {
            let bytes = match &reader.inputs[..] {
                [Manifest::Here(Blob(bytes))] if !stored => bytes.clone(),
                [Manifest::Stored(named)] if stored && *named == name => {
                    scene.workers.store.get(&Path::from(name.as_str())).await.unwrap().bytes().await.unwrap()
                }
                other => panic!("{other:?}"),
            };
            let input = StageInput::decode(&bytes).unwrap();
            assert_eq!(input.tasks[0].output.offsets.len(), partitions + 1);
        }
    }
}

#[tokio::test]
async fn a_query_ends_when_its_attempts_together_have_read_too_much() {
    let limited = |config: &mut RunConfig| {
        config.max_bytes_scanned = Some(100);
        config.limits.max_in_flight = 1;
    };
    let scene = scene(limited, false, |_, _| {
        let mut stats = TaskStats::default();
        stats.requests.bytes_scanned = 60;
        async move { Ok((output(1), stats)) }.boxed()
    });
    let ended = join_all(scene.submit_all(1, 3, &[])).await;
    let errors: Vec<&Error> = ended.iter().filter_map(|ended| ended.as_ref().err()).collect();
    assert_eq!(errors.len(), 2, "{ended:?}");
    for error in errors {
        assert_eq!(error.code, ErrorCode::ResourceExhausted);
        assert!(error.to_string().contains("100 bytes"), "{error}");
        assert!(error.hint.as_ref().unwrap().contains("arachne.max_bytes_scanned"), "{error:?}");
    }
    let asked = scene.workers.asked.lock().unwrap();
    assert_eq!(asked.iter().map(|request| request.max_bytes_scanned).collect::<Vec<_>>(), [Some(100), Some(40)]);
}

#[tokio::test]
async fn a_thousand_tasks_feed_a_thousand() {
    let scene = scene(|config| config.limits.max_in_flight = 1000, false, |_, _| async { done(1000) }.boxed());
    let mut tasks = scene.submit_all(1, 1000, &[]);
    tasks.extend(scene.submit_all(2, 1000, &[1]));
    for ended in join_all(tasks).await {
        ended.unwrap();
    }
    let progress = scene.run.observer().progress();
    assert_eq!((progress.tasks, progress.tasks_done, progress.stages), (2000, 2000, 2));
    assert_eq!(scene.asked().len(), 2000);
}

#[tokio::test]
async fn whoever_waits_is_told_when_nothing_will_come() {
    let scene = scene(|_| (), true, |_, _| async { done(1) }.boxed());
    let run = scene.run.clone();
    let waiting = tokio::spawn(async move { run.committed(TaskKey { stage: 9, task: 0 }).await });
    scene.run.stop();
    assert_eq!(waiting.await.unwrap().unwrap_err().code, ErrorCode::Cancelled);
    assert_eq!(scene.submit_all(1, 1, &[]).remove(0).await.unwrap_err().code, ErrorCode::Cancelled);
}

/// Nine producers; those of the second group send their rows inline.
#[tokio::test]
async fn readers_of_a_combined_stage_find_each_group_in_its_first_producer() {
    let scene = scene(
        |config| config.combine_above = 20,
        false,
        |request, _| {
            let TaskKey { stage, task } = request.attempt.task;
            let inline = (stage == 1 && (3..6).contains(&task)).then(Blob::default);
            let offsets = if inline.is_some() { vec![0, 0, 0] } else { vec![0, 10, 20] };
            let output = TaskOutput { offsets, inline, copy: None, rows: 1 };
            async move { Ok((output, TaskStats::default())) }.boxed()
        },
    );
    let mut tasks = scene.submit_shuffled(2, 3, &[1], [(1, 9)].into());
    tasks.extend(scene.submit_all(1, 9, &[]));
    for ended in join_all(tasks).await {
        ended.unwrap();
    }
    let asked = scene.workers.asked.lock().unwrap().clone();
    let inputs = |request: &TaskRequest| match &request.inputs[..] {
        [Manifest::Here(Blob(bytes))] => StageInput::decode(bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    let combining: Vec<_> = asked.iter().filter(|request| request.combine).collect();
    let mut read: Vec<Vec<u32>> =
        combining.iter().map(|r| inputs(r).tasks.iter().map(|task| task.attempt.task.task).collect()).collect();
    read.sort();
    assert_eq!(read, [[0, 1, 2], [6, 7, 8]], "what is inline is not worth a task");
    let readers: Vec<_> = asked.iter().filter(|request| request.attempt.task.stage == 2).collect();
    assert_eq!(readers.len(), 3);
    for reader in readers {
        let input = inputs(reader);
        let of = |task: &crate::protocol::ProducedTask| (task.attempt.task.stage, task.output.offsets.len() - 1);
        let found: Vec<_> = input.tasks.iter().map(of).collect();
        let combined = combining[0].attempt.task.stage;
        assert_eq!(input.stage, 1);
        assert_eq!(found, [(combined, 2), (1, 0), (1, 0), (1, 2), (1, 2), (1, 2), (combined, 2), (1, 0), (1, 0)]);
    }
    let stages = scene.run.observer().stages();
    assert_eq!(
        stages.iter().map(|stage| (stage.combines, stage.attempts)).collect::<Vec<_>>(),
        [(None, 9), (None, 3), (Some(1), 2)]
    );
}
