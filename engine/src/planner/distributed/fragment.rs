//! The worker's side: a fragment is decoded, its inputs are opened through the exchange.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::common::{Result, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_expr::Partitioning;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_distributed::{
    BroadcastExec, ChannelResolver, DistributedCodec, DistributedExt, DistributedTaskContext, ExecuteTaskRequest,
    GetWorkerInfoRequest, GetWorkerInfoResponse, ProducerHead, SetPlanRequest, WorkerChannel, WorkerToCoordinatorMsg,
};
use datafusion_proto::bytes::physical_plan_from_bytes_with_proto_converter;
use datafusion_proto::physical_plan::DeduplicatingProtoConverter;
#[cfg(feature = "coordinator")]
use futures::stream;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use http::HeaderMap;
use url::Url;

use super::codec::ArachneCodec;
use super::deep_stack::on_a_deep_stack;
use crate::error::{Error, ErrorCode};
use crate::exchange::{self, Source};
use crate::protocol::{OutputKind, ProducedTask, StageInput};

/// A decoded fragment, ready to run: what to execute, and how its rows become the output's partitions.
pub(crate) struct Fragment {
    pub(crate) plan: Arc<dyn ExecutionPlan>,
    pub(crate) context: Arc<TaskContext>,
    /// Set for a shuffle: how rows are dealt out; otherwise the plan's own partitions are the output's.
    pub(crate) partitioning: Option<Partitioning>,
}

/// The committed outputs that a fragment reads.
#[derive(Debug)]
pub(crate) struct FragmentInputs {
    source: Source,
    tasks: HashMap<(usize, usize), Arc<ProducedTask>>,
}

impl FragmentInputs {
    pub(crate) fn new(source: Source, stages: Vec<StageInput>) -> Self {
        let tasks = stages
            .into_iter()
            .flat_map(|stage| {
                let number = stage.stage as usize;
                stage.tasks.into_iter().enumerate().map(move |(task, produced)| ((number, task), Arc::new(produced)))
            })
            .collect();
        Self { source, tasks }
    }
}

impl Fragment {
    /// Decodes `plan` in a session of its own: every attempt has a fresh tree, since nodes hold one-shot state.
    pub(crate) fn decode(
        plan: &[u8],
        task: (usize, usize),
        options: &[(String, String)],
        inputs: FragmentInputs,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<Self> {
        let (root, context) = decode_root(plan, task, options, inputs, runtime)?;
        Ok(Self::behead(root, context))
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    pub(crate) fn output_partitions(&self) -> usize {
        match &self.partitioning {
            Some(partitioning) => partitioning.partition_count(),
            None => self.plan.output_partitioning().partition_count(),
        }
    }

    /// The head says how the output is laid out and is not executed itself: the writer deals rows out without a channel per pair
    /// of partitions, and a broadcast is written once instead of once per consumer.
    fn behead(root: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Self {
        let (plan, partitioning) = match output_kind(&root) {
            OutputKind::Shuffle => match root.downcast_ref::<RepartitionExec>() {
                Some(head) => (Arc::clone(head.input()), Some(head.partitioning().clone())),
                None => (root, None),
            },
            OutputKind::Broadcast => match root.downcast_ref::<BroadcastExec>() {
                Some(head) => (Arc::clone(head.input()), None),
                None => (root, None),
            },
            OutputKind::Forward => (root, None),
        };
        Self { plan, context, partitioning }
    }
}

/// The fragment's whole plan, its head included, and the session it was decoded in.
pub(super) fn decode_root(
    plan: &[u8],
    task: (usize, usize),
    options: &[(String, String)],
    inputs: FragmentInputs,
    runtime: Arc<RuntimeEnv>,
) -> Result<(Arc<dyn ExecutionPlan>, Arc<TaskContext>)> {
    let mut config = SessionConfig::new();
    for (name, value) in options {
        config.options_mut().set(name, value)?;
    }
    let (task_index, task_count) = task;
    let config = config
        .with_distributed_channel_resolver(ExchangeResolver(Arc::new(inputs)))
        .with_distributed_user_codec(ArachneCodec)
        .with_extension(Arc::new(DistributedTaskContext { task_index, task_count }));
    let context = SessionContext::new_with_config_rt(config, runtime).task_ctx();
    let codec = DistributedCodec::new_combined_with_user(context.session_config());
    let converter = DeduplicatingProtoConverter {};
    let root = on_a_deep_stack(|| physical_plan_from_bytes_with_proto_converter(plan, &context, &codec, &converter))?;
    Ok((root, context))
}

/// Read off the head of a stage's plan.
pub(super) fn output_kind(root: &Arc<dyn ExecutionPlan>) -> OutputKind {
    match root.downcast_ref::<RepartitionExec>() {
        Some(head) if matches!(head.partitioning(), Partitioning::Hash(..)) => OutputKind::Shuffle,
        _ if root.is::<BroadcastExec>() => OutputKind::Broadcast,
        _ => OutputKind::Forward,
    }
}

/// Opens what a consumer asks of a producer. A broadcast's partitions are virtual: every consumer counts on past the last one.
pub(super) fn open(
    source: &Source,
    produced: &Arc<ProducedTask>,
    request: &ExecuteTaskRequest,
) -> Result<Vec<BoxStream<'static, Result<RecordBatch>>>> {
    let count = produced.output.offsets.len() - 1;
    let partitions: Vec<usize> = (request.target_partition_start..request.target_partition_end)
        .map(|partition| match request.producer_head {
            ProducerHead::BroadcastExec { .. } => partition % count.max(1),
            ProducerHead::None | ProducerHead::RepartitionExec { .. } => partition,
        })
        .collect();
    read(source, produced, &partitions)
}

/// An output that has gone, or does not decode, is not the user's doing: the reader is tried again, then says what is wrong.
fn read(
    source: &Source,
    produced: &Arc<ProducedTask>,
    partitions: &[usize],
) -> Result<Vec<BoxStream<'static, Result<RecordBatch>>>> {
    let attempt = produced.attempt;
    let unreadable = move |error: DataFusionError| {
        let error = Error::from(error);
        let code = match error.code {
            ErrorCode::NotFound | ErrorCode::InvalidData | ErrorCode::Internal => ErrorCode::Unavailable,
            other => other,
        };
        let message = format!("cannot read the output of attempt {attempt} in the exchange: {}", error.message);
        DataFusionError::from(Error { code, message, ..error })
    };
    let streams = exchange::open_partitions(source, produced, partitions)?;
    Ok(streams.into_iter().map(|rows| rows.map_err(unreadable).boxed()).collect())
}

/// All partitions of an output, one after the other.
#[cfg(feature = "coordinator")]
pub(crate) fn open_output(
    source: &Source,
    produced: &Arc<ProducedTask>,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let partitions: Vec<usize> = (0..produced.output.offsets.len() - 1).collect();
    Ok(stream::iter(read(source, produced, &partitions)?).flatten().boxed())
}

struct ExchangeResolver(Arc<FragmentInputs>);

#[async_trait]
impl ChannelResolver for ExchangeResolver {
    async fn get_worker_client_for_url(&self, _: &Url) -> Result<Box<dyn WorkerChannel>, DataFusionError> {
        Ok(Box::new(ExchangeChannel(Arc::clone(&self.0))))
    }
}

/// Never dials a worker: a request for a task's partitions is a name and a byte range in the exchange.
struct ExchangeChannel(Arc<FragmentInputs>);

#[async_trait]
impl WorkerChannel for ExchangeChannel {
    async fn coordinator_channel(
        &mut self,
        _: HeaderMap,
        _: SetPlanRequest,
        _: BoxStream<'static, datafusion_distributed::CoordinatorToWorkerMsg>,
        _: ExecutionPlanMetricsSet,
        _: &Arc<TaskContext>,
    ) -> Result<BoxStream<'static, Result<WorkerToCoordinatorMsg>>> {
        internal_err!("a worker does not coordinate")
    }

    async fn execute_task(
        &mut self,
        _: HeaderMap,
        request: ExecuteTaskRequest,
        _: ExecutionPlanMetricsSet,
        _: &Arc<TaskContext>,
    ) -> Result<Vec<BoxStream<'static, Result<RecordBatch>>>> {
        let key = (request.task_key.stage_id, request.task_key.task_number);
        let Some(produced) = self.0.tasks.get(&key) else {
            return internal_err!("task {}.{} is not among this fragment's inputs", key.0, key.1);
        };
        open(&self.0.source, produced, &request)
    }

    async fn get_worker_info(&mut self, _: GetWorkerInfoRequest) -> Result<GetWorkerInfoResponse> {
        Ok(GetWorkerInfoResponse { version: crate::protocol::ENGINE_VERSION.to_owned() })
    }
}
