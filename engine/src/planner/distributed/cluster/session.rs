//! One task of one query on a worker: its session, and what it does while it lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::common::Result;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_distributed::{
    DistributedExt, WorkerPlanRewriteEvent, WorkerPlanRewriteEventResponse, WorkerQueryContext, WorkerSessionBuilder,
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::calls::Calls;
use super::channel::{Channels, WorkerResolver};
use super::figures::Figures;
use super::header::QueryHeader;
use super::wire_error::to_wire;
use crate::error::{Error, ErrorCode};
use crate::planner::distributed::codec::ArachneCodec;
use crate::planner::ready::ready_to_run;
use crate::planner::yielding::yielding;
use crate::protocol::{FilePin, TaskStats};
use crate::storage::{Pins, StoreMeter};
use crate::worker::{Surroundings, Worker};

/// Makes the session that a task's plan is decoded and executed in.
#[derive(Clone)]
pub(super) struct TaskSessions {
    pub(super) worker: Arc<Worker>,
    pub(super) version: Arc<str>,
    /// To other workers.
    pub(super) channels: Arc<Channels>,
    /// Where plans are executed.
    pub(super) compute: Handle,
    pub(super) calls: Calls,
}

#[async_trait]
impl WorkerSessionBuilder for TaskSessions {
    async fn build_session_state(&self, context: WorkerQueryContext) -> Result<SessionState, DataFusionError> {
        self.build(context).map_err(|error| to_wire(&error))
    }
}

impl TaskSessions {
    fn build(&self, context: WorkerQueryContext) -> Result<SessionState, DataFusionError> {
        let WorkerQueryContext { mut builder, headers } = context;
        let header = QueryHeader::read(&headers)?;
        self.check_version(&header)?;
        debug!(query_id = %header.query_id, "a task begins");
        let meter = Arc::new(StoreMeter::default());
        let surroundings = self.worker.surroundings(Pins::default(), meter)?;
        let runtime = Arc::clone(&surroundings.runtime);
        let config = builder.config().get_or_insert_default();
        for (name, value) in &header.options {
            config.options_mut().set(name, value)?;
        }
        let end = self.calls.end_of(&headers);
        config.set_extension(Arc::new(ClusterTask::new(surroundings, self.compute.clone(), end)));
        config.set_distributed_user_codec(ArachneCodec);
        config.set_distributed_channel_resolver(WorkerResolver(Arc::clone(&self.channels)));
        let read_ahead = self.worker.settings().read_ahead;
        config.set_distributed_worker_plan_rewrite_handler(move |event: WorkerPlanRewriteEvent<'_>| {
            let ready = ready_to_run(event.plan, &read_ahead, event.session_config.options());
            Ok(WorkerPlanRewriteEventResponse::new(yielding(ready.map_err(|error| to_wire(&error.into()))?)?))
        });
        Ok(builder.with_runtime_env(runtime).build())
    }

    fn check_version(&self, header: &QueryHeader) -> Result<(), Error> {
        if header.version == *self.version {
            return Ok(());
        }
        let message = format!("the coordinator is version {} and this worker is {}", header.version, self.version);
        Err(Error::new(ErrorCode::InvalidArgument, message)
            .with_hint("run coordinator and workers from the same build"))
    }
}

/// What the library does not know of a task. Found in its session, by the task's node.
#[derive(Debug)]
pub(super) struct ClusterTask {
    pub(super) compute: Handle,
    /// Of the call that it lasts for.
    pub(super) end: CancellationToken,
    surroundings: Surroundings,
    started: Instant,
    elapsed_ms: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl ClusterTask {
    fn new(surroundings: Surroundings, compute: Handle, end: CancellationToken) -> Self {
        Self {
            compute,
            end,
            surroundings,
            started: Instant::now(),
            elapsed_ms: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn pin(&self, pins: &[FilePin]) -> Result<(), Error> {
        self.surroundings.pins.extend(pins)
    }

    /// To be held while a partition runs.
    pub(super) fn partition_started(self: &Arc<Self>) -> RunningPartition {
        RunningPartition { task: Arc::clone(self) }
    }

    pub(super) fn figures(&self, plan: &Arc<dyn ExecutionPlan>) -> Figures {
        let stats = TaskStats { elapsed_ms: self.elapsed_ms.load(Relaxed), ..self.surroundings.stats(plan) };
        Figures { stats, rows_out: self.rows.load(Relaxed), bytes_out: self.bytes.load(Relaxed) }
    }
}

pub(super) struct RunningPartition {
    task: Arc<ClusterTask>,
}

impl RunningPartition {
    pub(super) fn gave(&self, batch: &RecordBatch) {
        self.task.rows.fetch_add(batch.num_rows() as u64, Relaxed);
        self.task.bytes.fetch_add(slice_bytes(batch), Relaxed);
    }
}

impl Drop for RunningPartition {
    fn drop(&mut self) {
        self.task.elapsed_ms.store(self.task.started.elapsed().as_millis() as u64, Relaxed);
    }
}

/// Buffers that several batches share are counted by the part that is used.
fn slice_bytes(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0) as u64).sum()
}
