//! Performs what the scheduler decides: builds requests, invokes workers, publishes committed outputs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::ObjectStoreExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::retry::Failure;
use super::scheduler::{Action, Event, Scheduler};
use super::stage_stats::StageStats;
use super::state::RunState;
use super::task::{RunConfig, TaskSpec};
use crate::error::{Error, Result};
use crate::exchange::layout;
use crate::invoker::{Bill, InvokeError};
use crate::protocol::{
    Attempt, Blob, ENGINE_VERSION, MAX_PAYLOAD_BYTES, OutputPlacement, ProducedTask, StageInput, TaskKey, TaskOutput,
    TaskRequest, TaskResponse,
};

/// Room that is left in a payload for what the platform adds.
const PAYLOAD_MARGIN: usize = 64 * 1024;

pub(super) struct Driver {
    config: Arc<RunConfig>,
    scheduler: Scheduler,
    submissions: mpsc::UnboundedReceiver<TaskSpec>,
    publish: watch::Sender<RunState>,
    cancel: CancellationToken,
    started: Instant,
    specs: HashMap<TaskKey, TaskSpec>,
    attempts: JoinSet<Finished>,
    outputs: HashMap<Attempt, TaskOutput>,
    manifests: HashMap<u32, StageInput>,
}

/// How an attempt ended.
struct Finished {
    attempt: Attempt,
    bill: Bill,
    response: Result<TaskResponse, Failure>,
}

impl Driver {
    pub(super) fn new(
        config: RunConfig,
        submissions: mpsc::UnboundedReceiver<TaskSpec>,
        publish: watch::Sender<RunState>,
        cancel: CancellationToken,
    ) -> Self {
        let scheduler = Scheduler::new(config.limits.clone(), config.seed);
        Self {
            config: Arc::new(config),
            scheduler,
            submissions,
            publish,
            cancel,
            started: Instant::now(),
            specs: HashMap::new(),
            attempts: JoinSet::new(),
            outputs: HashMap::new(),
            manifests: HashMap::new(),
        }
    }

    pub(super) async fn drive(mut self) {
        loop {
            let wake = self.scheduler.next_wake().map(|at| self.started + at);
            let event = tokio::select! {
                () = self.cancel.cancelled() => return,
                Some(spec) = self.submissions.recv() => self.submitted(spec),
                Some(finished) = self.attempts.join_next() => match finished {
                    Ok(finished) => self.finished(finished),
                    Err(error) => return self.fail(Error::internal(format!("a task of the coordinator died: {error}"))),
                },
                () = sleep_until(wake) => Event::Tick,
            };
            for action in self.scheduler.on_event(self.started.elapsed(), event) {
                self.perform(action);
            }
        }
    }

    fn submitted(&mut self, spec: TaskSpec) -> Event {
        let TaskKey { stage, .. } = spec.task;
        self.publish.send_modify(|state| {
            let stats = state.stages.entry(stage).or_insert_with(|| StageStats::new(stage, spec.task_count));
            stats.output = Some(spec.output);
        });
        let event = Event::Submitted { task: spec.task, task_count: spec.task_count, upstream: spec.upstream.clone() };
        self.specs.insert(spec.task, spec);
        event
    }

    fn finished(&mut self, finished: Finished) -> Event {
        let Finished { attempt, bill, response } = finished;
        let task_stats = response.as_ref().ok().map(|response| response.stats.clone());
        self.publish.send_modify(|state| {
            state.running = state.running.saturating_sub(1);
            if let Some(stage) = state.stages.get_mut(&attempt.task.stage) {
                stage.answered(attempt, &bill, task_stats.as_ref());
            }
        });
        let query_id = &self.config.query_id;
        match response.and_then(|response| response.result.map_err(Failure::of_task)) {
            Ok(output) => {
                debug!(%query_id, %attempt, rows = output.rows, "attempt succeeded");
                self.outputs.insert(attempt, output);
                Event::Succeeded(attempt)
            }
            Err(failure) => {
                warn!(%query_id, %attempt, ?failure, "attempt failed");
                Event::Failed(attempt, failure)
            }
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Launch(attempt) => self.launch(attempt),
            Action::Commit(attempt) => self.commit(attempt),
            Action::FailQuery { task, error } => {
                warn!(query_id = %self.config.query_id, %task, code = error.code.label(), "query failed");
                self.fail(error);
            }
        }
    }

    fn commit(&mut self, attempt: Attempt) {
        let Some(output) = self.outputs.remove(&attempt) else { return };
        let produced = Arc::new(ProducedTask { attempt, output });
        self.publish.send_modify(|state| {
            if let Some(stage) = state.stages.get_mut(&attempt.task.stage) {
                stage.committed(attempt, &produced.output);
            }
            state.committed.insert(attempt.task, produced);
        });
    }

    fn fail(&mut self, error: Error) {
        self.attempts.abort_all();
        self.publish.send_modify(|state| {
            state.failed.get_or_insert(error);
        });
    }

    fn launch(&mut self, attempt: Attempt) {
        self.publish.send_modify(|state| {
            state.running += 1;
            if let Some(stage) = state.stages.get_mut(&attempt.task.stage) {
                stage.launched(attempt);
            }
        });
        let request = match self.request(attempt) {
            Ok(request) => request,
            Err(error) => return self.fail(error),
        };
        let config = Arc::clone(&self.config);
        self.attempts.spawn(async move {
            match invoke(&config, request).await {
                Ok((bill, response)) => Finished { attempt, bill, response: Ok(response) },
                Err((bill, failure)) => Finished { attempt, bill, response: Err(failure) },
            }
        });
    }

    fn request(&mut self, attempt: Attempt) -> Result<TaskRequest> {
        let Some(spec) = self.specs.get(&attempt.task) else {
            return Err(Error::internal(format!("task {} was never submitted", attempt.task)));
        };
        for stage in &spec.upstream {
            if !self.manifests.contains_key(stage) {
                let manifest = manifest(&self.publish.borrow(), *stage)?;
                self.manifests.insert(*stage, manifest);
            }
        }
        let head = self.config.head_inputs.contains(&attempt.task.stage);
        let inline_limit = if head { self.config.inline_limit_head } else { self.config.inline_limit_stage };
        Ok(TaskRequest {
            version: ENGINE_VERSION.to_owned(),
            query_id: self.config.query_id.clone(),
            run: self.config.run,
            attempt,
            task_count: spec.task_count,
            plan: Blob(spec.plan.clone()),
            options: self.config.options.clone(),
            output: OutputPlacement { inline_limit },
            exchange: self.config.exchange.clone(),
            inputs: spec.upstream.iter().filter_map(|stage| self.manifests.get(stage).cloned()).collect(),
            pins: spec.pins.clone(),
            timeout_ms: self.config.task_timeout.as_millis() as u64,
            stored: None,
        })
    }
}

/// The winning attempts of a stage that has committed, in task order.
fn manifest(state: &RunState, stage: u32) -> Result<StageInput> {
    let task_count = state.stages.get(&stage).map_or(0, |stats| stats.tasks);
    let tasks = (0..task_count)
        .map(|task| {
            let key = TaskKey { stage, task };
            state.committed.get(&key).map(|produced| produced.as_ref().clone())
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Error::internal(format!("stage {stage} was read before it had committed")))?;
    Ok(StageInput { stage, tasks })
}

async fn invoke(config: &RunConfig, request: TaskRequest) -> Result<(Bill, TaskResponse), (Bill, Failure)> {
    let attempt = request.attempt;
    let payload = payload(config, request).await.map_err(|error| (Bill::default(), Failure::of_task(error)))?;
    let reply =
        config.invoker.invoke(payload).await.map_err(|error| (bill_of(&error), Failure::of_invocation(error)))?;
    match serde_json::from_slice::<TaskResponse>(&reply.payload) {
        Ok(response) if response.attempt == attempt => Ok((reply.bill, response)),
        Ok(response) => {
            let detail = format!("the worker answered for attempt {} instead of {attempt}", response.attempt);
            Err((reply.bill, Failure::Transient(Error::new(crate::ErrorCode::Unavailable, detail))))
        }
        Err(error) => {
            let text = String::from_utf8_lossy(&reply.payload[..reply.payload.len().min(300)]).into_owned();
            let detail = format!("the worker's answer cannot be read ({error}): {text}");
            Err((reply.bill, Failure::Transient(Error::new(crate::ErrorCode::Unavailable, detail))))
        }
    }
}

/// The request as JSON; one too large for a payload goes to the exchange and only its name is sent.
async fn payload(config: &RunConfig, mut request: TaskRequest) -> Result<Bytes> {
    let whole = encode(&request)?;
    if whole.len() <= MAX_PAYLOAD_BYTES - PAYLOAD_MARGIN {
        return Ok(whole);
    }
    let (Some(exchange), Some(store)) = (&config.exchange, &config.exchange_store) else {
        return Err(Error::internal(format!("a task request of {} bytes needs an exchange location", whole.len())));
    };
    let name = layout::request_name(config.run, request.attempt);
    store.put(&layout::path(exchange, &name)?, whole.into()).await?;
    request.stored = Some(name);
    request.plan = Blob::default();
    request.inputs = Vec::new();
    request.pins = Vec::new();
    encode(&request)
}

fn encode(request: &TaskRequest) -> Result<Bytes> {
    serde_json::to_vec(request).map(Bytes::from).map_err(|error| Error::internal(format!("task request: {error}")))
}

fn bill_of(error: &InvokeError) -> Bill {
    match error {
        InvokeError::Timeout { bill, .. }
        | InvokeError::Crashed { bill, .. }
        | InvokeError::OutOfMemory { bill, .. } => bill.unwrap_or_default(),
        InvokeError::Throttled { .. } | InvokeError::Unavailable { .. } | InvokeError::Permanent { .. } => {
            Bill::default()
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.max(Instant::now() + Duration::from_millis(1))).await,
        None => std::future::pending().await,
    }
}
