//! Performs what the scheduler decides: builds requests, sends them, publishes committed outputs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::board::{Board, EndOnDrop};
use super::cancel::CancelWriter;
use super::combine::{self, Combining};
use super::dispatch::Dispatch;
use super::manifests::Manifests;
use super::retry::Failure;
use super::scheduler::{Action, Event, Scheduler, Submission, Try};
use super::task::{RunConfig, TaskSpec};
use crate::error::{Error, Result};
use crate::invoker::Bill;
use crate::protocol::{
    Attempt, Blob, ENGINE_VERSION, OutputKind, OutputPlacement, ProducedTask, TaskKey, TaskOutput, TaskRequest,
    TaskResponse, TaskStats,
};

/// How long workers that were told to stop may take to say that they have.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// All the tasks of a stage together answer with so much inline: what the coordinator has to hold, and (128 KiB for each of the 16
/// tasks of a group, from 512 tasks on) what a worker can pass on in one answer.
const INLINE_PER_STAGE: u64 = 64 * 1024 * 1024;

pub(super) struct Driver {
    config: Arc<RunConfig>,
    scheduler: Scheduler,
    submissions: mpsc::UnboundedReceiver<TaskSpec>,
    board: Arc<Board>,
    cancel: CancellationToken,
    started: Instant,
    specs: HashMap<TaskKey, TaskSpec>,
    attempts: JoinSet<Finished>,
    /// One for each attempt in flight: those that have lost against a rival are dropped where that stops them.
    in_flight: HashMap<Attempt, CancellationToken>,
    /// The output that the last event is about.
    arrived: Option<(Attempt, TaskOutput)>,
    manifests: Manifests,
    cancel_writer: CancelWriter,
    bytes_scanned: u64,
    _end: EndOnDrop,
}

/// How an attempt ended.
struct Finished {
    attempt: Attempt,
    bill: Bill,
    /// `None` for one that was dropped on purpose.
    response: Option<Result<TaskResponse, Failure>>,
}

/// Why the driver stops.
enum End {
    Cancelled,
    Failed(Error),
}

impl Driver {
    pub(super) fn new(
        config: RunConfig,
        submissions: mpsc::UnboundedReceiver<TaskSpec>,
        board: Arc<Board>,
        cancel: CancellationToken,
    ) -> Self {
        let scheduler = Scheduler::new(config.limits.clone(), config.seed);
        Self {
            config: Arc::new(config),
            scheduler,
            submissions,
            _end: EndOnDrop(Arc::clone(&board)),
            board,
            cancel,
            started: Instant::now(),
            specs: HashMap::new(),
            attempts: JoinSet::new(),
            in_flight: HashMap::new(),
            arrived: None,
            manifests: Manifests::default(),
            cancel_writer: CancelWriter::default(),
            bytes_scanned: 0,
        }
    }

    pub(super) async fn drive(mut self) {
        let error = match self.until_end().await {
            End::Cancelled => None,
            End::Failed(error) => Some(error),
        };
        self.board.close(error);
        self.wind_down().await;
    }

    async fn until_end(&mut self) -> End {
        loop {
            let wake = self.scheduler.next_wake().map(|at| self.started + at);
            let events = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return End::Cancelled,
                Some(finished) = self.attempts.join_next() => match finished {
                    Ok(finished) => vec![self.finished(finished)],
                    Err(error) => {
                        return End::Failed(Error::internal(format!("a task of the coordinator died: {error}")));
                    }
                },
                Some(spec) = self.submissions.recv() => self.submitted(spec),
                () = sleep_until(wake) => vec![Event::Tick],
            };
            if let Some(limit) = self.config.max_bytes_scanned.filter(|limit| self.bytes_scanned > *limit) {
                return End::Failed(Error::scanned_too_much(limit));
            }
            for event in events {
                for action in self.scheduler.on_event(self.started.elapsed(), event) {
                    if let Err(error) = self.perform(action) {
                        return End::Failed(error);
                    }
                }
            }
            self.board.set_running(self.attempts.len());
        }
    }

    /// Tells workers that run to stop, and gives them time to say that they have.
    async fn wind_down(&mut self) {
        if self.attempts.is_empty() {
            return self.board.end(0);
        }
        if self.config.invoker.stops_on_drop() || self.config.exchange_store.is_none() {
            let left = if self.config.invoker.stops_on_drop() { 0 } else { self.attempts.len() };
            self.attempts.shutdown().await;
            return self.board.end(left);
        }
        std::mem::take(&mut self.cancel_writer).cancel_run(&self.config, &self.board).await;
        let patience = tokio::time::sleep(LAST_ANSWERS);
        tokio::pin!(patience);
        loop {
            tokio::select! {
                finished = self.attempts.join_next() => match finished {
                    Some(Ok(finished)) => {
                        self.account(&finished);
                    }
                    Some(Err(_)) => {}
                    None => break,
                },
                () = &mut patience => break,
            }
        }
        self.board.end(self.attempts.len());
    }

    /// Where the task reads a wide shuffle, a stage that combines it comes in between.
    fn submitted(&mut self, mut spec: TaskSpec) -> Vec<Event> {
        let mut events = Vec::new();
        for (stage, producers) in std::mem::take(&mut spec.shuffles) {
            let wide = combine::is_wide(producers, spec.task_count, self.config.combine_above);
            if !wide || self.config.exchange_store.is_none() {
                continue;
            }
            let combining = Combining::new(stage, producers);
            spec.upstream.remove(&stage);
            spec.upstream.insert(combining.stage());
            if !self.manifests.is_combining(combining.stage()) {
                events.extend(self.combine(combining));
            }
        }
        events.push(self.submit(spec));
        events
    }

    fn combine(&mut self, combining: Combining) -> Vec<Event> {
        let (stage, task_count) = (combining.stage(), combining.groups.len() as u32);
        let upstream: BTreeSet<u32> = [combining.of].into();
        self.manifests.add_combining(combining);
        let spec = |task| TaskSpec {
            task: TaskKey { stage, task },
            task_count,
            upstream: upstream.clone(),
            shuffles: BTreeMap::new(),
            output: OutputKind::Shuffle,
            plan: Bytes::new(),
            pins: Vec::new(),
            scan_bytes: 0,
            limited: false,
        };
        (0..task_count).map(|task| self.submit(spec(task))).collect()
    }

    fn submit(&mut self, spec: TaskSpec) -> Event {
        let TaskKey { stage, .. } = spec.task;
        self.board.add_stage(stage, spec.task_count);
        self.board.with_stage(stage, |stats| stats.output = Some(spec.output));
        self.manifests.add_stage(stage, spec.task_count);
        let submission = Submission {
            task: spec.task,
            task_count: spec.task_count,
            upstream: spec.upstream.clone(),
            scan_bytes: spec.scan_bytes,
            // A stage that workers read is needed whole.
            ramp: spec.limited && self.config.head_inputs.contains(&stage),
        };
        self.specs.insert(spec.task, spec);
        Event::Submitted(submission)
    }

    fn finished(&mut self, finished: Finished) -> Event {
        self.account(&finished);
        let Finished { attempt, response, .. } = finished;
        self.in_flight.remove(&attempt);
        let Some(response) = response else { return Event::Gone(attempt) };
        let query_id = &self.config.query_id;
        match response.and_then(|response| response.result.map_err(Failure::of_task)) {
            Ok(output) => {
                debug!(%query_id, %attempt, rows = output.rows, "attempt succeeded");
                let bytes = output.offsets.last().copied().unwrap_or(0);
                self.arrived = Some((attempt, output));
                Event::Succeeded { attempt, bytes }
            }
            Err(failure) => {
                // The worker of an attempt that lost against its rival says so when it has stopped.
                if self.specs.contains_key(&attempt.task) {
                    warn!(%query_id, %attempt, ?failure, "attempt failed");
                }
                Event::Failed(attempt, failure)
            }
        }
    }

    /// What the attempt cost and read, however it ended.
    fn account(&mut self, finished: &Finished) {
        let Finished { attempt, bill, response } = finished;
        let stats = response.as_ref().and_then(|response| response.as_ref().ok()).map(|response| &response.stats);
        if let Some(stats) = stats {
            self.bytes_scanned += stats.requests.bytes_scanned;
            if stats.requests.put > 0 {
                self.board.mark_wrote_exchange();
            }
        } else {
            // Whether it has written anything is not known.
            self.board.mark_wrote_exchange();
        }
        self.board.with_stage(attempt.task.stage, |stage| stage.answered(*attempt, bill, stats));
    }

    fn perform(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Launch(attempt, why) => self.launch(attempt, why)?,
            Action::Commit(attempt) => self.commit(attempt),
            Action::Abandon(attempt) => self.abandon(attempt),
            Action::FailQuery { task, error } => {
                warn!(query_id = %self.config.query_id, %task, code = error.code.label(), "query failed");
                return Err(error);
            }
        }
        Ok(())
    }

    fn commit(&mut self, attempt: Attempt) {
        let Some((_, output)) = self.arrived.take_if(|(arrived, _)| *arrived == attempt) else { return };
        self.specs.remove(&attempt.task);
        let produced = Arc::new(ProducedTask { attempt, output });
        self.manifests.committed(&produced);
        self.board.commit(produced);
    }

    fn abandon(&mut self, attempt: Attempt) {
        if !self.config.invoker.stops_on_drop() {
            return self.cancel_writer.cancel_attempt(attempt, &self.config, &self.board);
        }
        if let Some(token) = self.in_flight.get(&attempt) {
            token.cancel();
        }
    }

    fn launch(&mut self, attempt: Attempt, why: Try) -> Result<()> {
        let Some(dispatch) = self.dispatch(attempt, why)? else {
            let output = TaskOutput { offsets: vec![0], inline: None, copy: None, rows: 0 };
            let response = TaskResponse { attempt, result: Ok(output), stats: TaskStats::default() };
            let finished = Finished { attempt, bill: Bill::default(), response: Some(Ok(response)) };
            self.attempts.spawn(async move { finished });
            return Ok(());
        };
        self.board.with_stage(attempt.task.stage, |stage| stage.launched(attempt, why));
        let token = CancellationToken::new();
        self.in_flight.insert(attempt, token.clone());
        self.attempts.spawn(async move {
            let (bill, response) = match token.run_until_cancelled_owned(dispatch.send()).await {
                Some((bill, response)) => (bill, Some(response)),
                None => (Bill::default(), None),
            };
            Finished { attempt, bill, response }
        });
        Ok(())
    }

    /// `None` for a combining task that has nothing to do.
    fn dispatch(&mut self, attempt: Attempt, why: Try) -> Result<Option<Dispatch>> {
        let Some(spec) = self.specs.get(&attempt.task) else {
            return Err(Error::internal(format!("task {} was never submitted", attempt.task)));
        };
        let combine = self.manifests.is_combining(attempt.task.stage);
        let inputs = match combine {
            true => match self.manifests.group(attempt.task)? {
                Some(group) => vec![group],
                None => return Ok(None),
            },
            false => spec.upstream.iter().map(|stage| self.manifests.of(*stage)).collect::<Result<_>>()?,
        };
        let config = &self.config;
        let head = config.head_inputs.contains(&attempt.task.stage);
        let inline_limit = if head { config.inline_limit_head } else { config.inline_limit_stage };
        let inline_limit = inline_limit.min(INLINE_PER_STAGE / u64::from(spec.task_count.max(1)));
        let request = TaskRequest {
            version: ENGINE_VERSION.to_owned(),
            query_id: config.query_id.clone(),
            run: config.run,
            attempt,
            task_count: spec.task_count,
            plan: Blob(spec.plan.clone()),
            options: config.options.clone(),
            output: OutputPlacement { inline_limit },
            exchange: config.exchange.clone(),
            inputs: Vec::new(),
            pins: spec.pins.clone(),
            timeout_ms: config.task_timeout.as_millis() as u64,
            max_bytes_scanned: config.max_bytes_scanned.map(|limit| limit.saturating_sub(self.bytes_scanned)),
            low_memory: why == Try::Frugal,
            combine,
            stored: None,
        };
        Ok(Some(Dispatch { config: Arc::clone(config), board: Arc::clone(&self.board), request, inputs }))
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.max(Instant::now() + Duration::from_millis(1))).await,
        None => std::future::pending().await,
    }
}
