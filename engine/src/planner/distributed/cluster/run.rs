//! A distributed plan on the cluster's workers.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion_distributed::{DistributedExec, DistributedExt, NetworkBoundaryExt, Stage};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tracing::warn;
use url::Url;
use uuid::Uuid;

use super::channel::{CoordinatorResolver, Route};
use super::header::QueryHeader;
use super::members::ClusterMembers;
use crate::coordinator::RunReporter;
use crate::error::{Error, ErrorCode};
use crate::planner::distributed::DistributedPlan;
use crate::planner::session::options_for_workers;
use crate::protocol::ENGINE_VERSION;

/// Rows that one task holds of all producers of one stage before it stops reading, in bytes.
const BUFFERED_BYTES: usize = 64 * 1024 * 1024;

/// Of one producer: some batches.
const MIN_BUFFERED_BYTES: usize = 1024 * 1024;

/// One execution, ready to start.
pub(crate) struct ClusterRun {
    pub(crate) plan: DistributedPlan,
    pub(crate) state: SessionState,
    pub(crate) members: Arc<ClusterMembers>,
    pub(crate) query_id: String,
    pub(crate) reporter: RunReporter,
}

type Rows = BoxStream<'static, Result<RecordBatch>>;

impl ClusterRun {
    pub(crate) fn schema(&self) -> SchemaRef {
        self.plan.root.schema()
    }

    /// Starts when it is first polled. The head stage runs here, the others on the workers; dropping the stream ends them.
    ///
    /// Where a worker is lost before the first row, everything is done once more, without it.
    pub(crate) fn rows(self) -> Rows {
        stream::once(self.first_rows()).try_flatten().boxed()
    }

    async fn first_rows(self) -> Result<Rows> {
        let workers = self.members.present().await?;
        match self.attempt(0, workers).await {
            Err(error) if error.code == ErrorCode::Unavailable => {
                warn!(query_id = %self.query_id, "the query is run once more: {}", error.message);
                // When nobody is left, what was wrong before says more.
                let Ok(workers) = self.members.present().await else { return Err(error.into()) };
                Ok(self.attempt(1, workers).await?)
            }
            other => Ok(other?),
        }
    }

    /// Waits for the first batch.
    async fn attempt(&self, run: u32, workers: Vec<Url>) -> Result<Rows, Error> {
        let (failures, failed) = mpsc::unbounded_channel();
        let context = self.context(
            CoordinatorResolver {
                channels: Arc::clone(&self.members.channels),
                reporter: self.reporter.clone(),
                run,
                failures,
            },
            workers,
        )?;
        self.reporter.run_begins();
        let rows = DistributedExec::new(self.fresh_plan(run)?).execute(0, context)?;
        let mut rows = until_failure(rows, failed).boxed();
        Ok(match rows.try_next().await? {
            Some(first) => stream::once(async { Ok(first) }).chain(rows).boxed(),
            None => stream::empty().boxed(),
        })
    }

    fn context(&self, resolver: CoordinatorResolver, workers: Vec<Url>) -> Result<Arc<TaskContext>> {
        let header = QueryHeader {
            version: ENGINE_VERSION.to_owned(),
            query_id: self.query_id.clone(),
            options: options_for_workers(&self.state),
        };
        let mut config = self.state.config().clone().with_extension(Arc::new(Route::new(workers)));
        config.set_distributed_channel_resolver(resolver);
        config.set_distributed_passthrough_headers(header.write()?)?;
        config.set_distributed_worker_connection_buffer_budget_bytes(self.buffer_bytes()?)?;
        // Tasks send their figures back; nothing waits for them, as this execution has no place to keep them.
        config.set_distributed_metrics_collection(true)?;
        Ok(Arc::new(TaskContext::from(&self.state).with_session_config(config)))
    }

    /// What a task may hold of the rows of one of its producers. The library's default is for a handful of them.
    fn buffer_bytes(&self) -> Result<usize> {
        let mut widest = 1;
        self.plan.base().apply(|node| {
            if let Some(boundary) = node.as_network_boundary() {
                widest = widest.max(boundary.input_stage().task_count());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok((BUFFERED_BYTES / widest).max(MIN_BUFFERED_BYTES))
    }

    /// Workers know a task by the query's id, which the planner gave the plan: each run needs its own. The head's nodes have a
    /// state, and a second run needs them without it.
    fn fresh_plan(&self, run: u32) -> Result<Arc<dyn ExecutionPlan>> {
        let id = Uuid::new_v4();
        let stamped = |node: Arc<dyn ExecutionPlan>| {
            let Some(boundary) = node.as_network_boundary() else { return Ok(Transformed::no(node)) };
            let Stage::Local(mut stage) = boundary.input_stage().clone() else { return Ok(Transformed::no(node)) };
            stage.query_id = id;
            stage.num = stage.num.max(1);
            let stamped: Arc<dyn ExecutionPlan> = boundary.with_input_stage(Stage::Local(stage))?;
            Ok(Transformed::yes(stamped))
        };
        let plan = self.plan.base().transform_up(stamped)?.data;
        if run == 0 { Ok(plan) } else { reset_plan_states(plan) }
    }
}

/// A task that could not be started is known at once, and not when its readers have waited long enough.
fn until_failure(
    rows: impl Stream<Item = Result<RecordBatch>> + Send + Unpin + 'static,
    failed: mpsc::UnboundedReceiver<Error>,
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    stream::try_unfold((rows, failed), |(mut rows, mut failed)| async move {
        tokio::select! {
            biased;
            Some(error) = failed.recv() => Err(DataFusionError::from(error)),
            next = rows.try_next() => Ok(next?.map(|batch| (batch, (rows, failed)))),
        }
    })
}
