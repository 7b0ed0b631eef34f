//! Connections to workers, of the coordinator and of other workers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::common::{Result, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_distributed::grpc::{BoxCloneSyncChannel, create_worker_client};
use datafusion_distributed::{
    ChannelResolver, CoordinatorToWorkerMsg, ExecuteTaskRequest, GetWorkerInfoRequest, GetWorkerInfoResponse,
    MaybeEncoded, SetPlanRequest, WorkerChannel, WorkerToCoordinatorMsg,
};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::transport::Endpoint;
use tracing::debug;
use url::Url;

use super::figures::Figures;
use super::task_node::ClusterTaskExec;
use super::wire_error::of_worker;
use crate::coordinator::RunReporter;
use crate::error::{Error, ErrorCode};
use crate::planner::distributed::channel::task_key;
use crate::planner::distributed::fragment::output_kind;
use crate::protocol::{Attempt, TaskOutput};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A peer whose machine is gone says nothing at all: it is asked every so often, and given up after so long without an answer. Long
/// enough for one that computes on all its cores.
pub(super) const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(45));

/// Errors and settings travel in headers.
pub(super) const MAX_HEADER_BYTES: u32 = 64 * 1024;

/// Bytes in flight of one connection and of one of its streams. The streams bound themselves; the connection must not, because one
/// stream's reader may wait for another stream's rows. HTTP/2 also takes a connection for an attack when too many small frames wait
/// to be read, and counts by half of this: 40 tasks on either side of a shuffle have 1,600 streams with a few rows each.
pub(super) const CONNECTION_WINDOW: u32 = 1 << 30;
pub(super) const STREAM_WINDOW: u32 = 1 << 20;

/// One connection per worker, shared by all queries of the process; opened when first used, and again after it broke.
#[derive(Default)]
pub(super) struct Channels {
    /// Where connections are driven; by default where they are opened.
    runtime: Option<Handle>,
    open: Mutex<HashMap<Url, BoxCloneSyncChannel>>,
}

impl Channels {
    /// Driven by a runtime that does not compute, so that they are heard whatever the operators do.
    pub(super) fn driven_by(runtime: Handle) -> Self {
        Self { runtime: Some(runtime), open: Mutex::default() }
    }

    pub(super) fn to(&self, worker: &Url) -> Result<Box<dyn WorkerChannel>, Error> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = open.get(worker) {
            return Ok(create_worker_client(channel.clone()));
        }
        let endpoint = Endpoint::from_shared(worker.to_string())
            .map_err(|error| {
                Error::new(ErrorCode::InvalidArgument, format!("{worker} is no worker's address: {error}"))
            })?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE.0)
            .keep_alive_timeout(KEEPALIVE.1)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(STREAM_WINDOW)
            .http2_max_header_list_size(MAX_HEADER_BYTES);
        let _driven = self.runtime.as_ref().map(Handle::enter);
        let channel = BoxCloneSyncChannel::new(endpoint.connect_lazy());
        open.insert(worker.clone(), channel.clone());
        Ok(create_worker_client(channel))
    }
}

/// A worker's view of other workers.
pub(super) struct WorkerResolver(pub(super) Arc<Channels>);

#[async_trait]
impl ChannelResolver for WorkerResolver {
    async fn get_worker_client_for_url(&self, url: &Url) -> Result<Box<dyn WorkerChannel>, DataFusionError> {
        Ok(Box::new(ClusterChannel { worker: url.clone(), inner: self.0.to(url)?, coordinator: None }))
    }
}

/// The coordinator's view of the workers in one run of one query.
#[derive(Clone)]
pub(super) struct CoordinatorResolver {
    pub(super) channels: Arc<Channels>,
    pub(super) reporter: RunReporter,
    /// Which run of the query it is, from 0.
    pub(super) run: u32,
    /// A task that could not be started: nobody who reads it would know before long.
    pub(super) failures: mpsc::UnboundedSender<Error>,
}

#[async_trait]
impl ChannelResolver for CoordinatorResolver {
    async fn get_worker_client_for_url(&self, url: &Url) -> Result<Box<dyn WorkerChannel>, DataFusionError> {
        let inner = self.channels.to(url)?;
        Ok(Box::new(ClusterChannel { worker: url.clone(), inner, coordinator: Some(self.clone()) }))
    }
}

/// The library's own client, with our errors and our figures.
struct ClusterChannel {
    worker: Url,
    inner: Box<dyn WorkerChannel>,
    coordinator: Option<CoordinatorResolver>,
}

#[async_trait]
impl WorkerChannel for ClusterChannel {
    async fn coordinator_channel(
        &mut self,
        headers: HeaderMap,
        mut request: SetPlanRequest,
        wanted: BoxStream<'static, CoordinatorToWorkerMsg>,
        metrics: ExecutionPlanMetricsSet,
        context: &Arc<TaskContext>,
    ) -> Result<BoxStream<'static, Result<WorkerToCoordinatorMsg>>> {
        let Some(CoordinatorResolver { reporter, run, failures, .. }) = self.coordinator.clone() else {
            return internal_err!("a worker does not coordinate");
        };
        let MaybeEncoded::Decoded(plan) = &request.plan else {
            return internal_err!("a stage's plan came encoded");
        };
        let attempt = Attempt { task: task_key(request.task_key), number: run };
        reporter.launched(attempt, request.task_count as u32, output_kind(plan));
        request.plan = MaybeEncoded::Decoded(ClusterTaskExec::insert(plan)?);
        let messages = match self.inner.coordinator_channel(headers, request, wanted, metrics, context).await {
            Ok(messages) => messages,
            Err(error) => {
                let error = of_worker(&self.worker, &error);
                // The receiver is gone when the query has ended, and then nobody minds.
                let _ = failures.send(error.clone());
                return Err(error.into());
            }
        };
        let worker = self.worker.clone();
        let reported = messages.filter_map(move |message| {
            let message = match message {
                Ok(message) => {
                    if let WorkerToCoordinatorMsg::TaskMetrics(metrics) = &message {
                        report(&reporter, attempt, &metrics.pre_order_plan_metrics);
                    }
                    Some(Ok(message))
                }
                // Whoever reads rows from the task sees that, too; and if nobody does any more, the result is complete.
                Err(error) => {
                    debug!(%worker, %attempt, error = %of_worker(&worker, &error), "a task's figures were lost");
                    None
                }
            };
            std::future::ready(message)
        });
        Ok(reported.boxed())
    }

    async fn execute_task(
        &mut self,
        headers: HeaderMap,
        request: ExecuteTaskRequest,
        metrics: ExecutionPlanMetricsSet,
        context: &Arc<TaskContext>,
    ) -> Result<Vec<BoxStream<'static, Result<RecordBatch>>>> {
        let ours = |worker: &Url, error: &DataFusionError| DataFusionError::from(of_worker(worker, error));
        let streams = self.inner.execute_task(headers, request, metrics, context).await;
        let streams = streams.map_err(|error| ours(&self.worker, &error))?;
        let of_ours = |stream: BoxStream<'static, Result<RecordBatch>>| {
            let worker = self.worker.clone();
            stream.map(move |batch| batch.map_err(|error| ours(&worker, &error))).boxed()
        };
        Ok(streams.into_iter().map(of_ours).collect())
    }

    async fn get_worker_info(&mut self, request: GetWorkerInfoRequest) -> Result<GetWorkerInfoResponse> {
        let info = self.inner.get_worker_info(request).await;
        info.map_err(|error| of_worker(&self.worker, &error).into())
    }
}

fn report(reporter: &RunReporter, attempt: Attempt, metrics: &[datafusion::physical_plan::metrics::MetricsSet]) {
    let Some(Figures { stats, rows_out, bytes_out }) = Figures::from_metrics(metrics) else { return };
    reporter.finished(
        attempt,
        &stats,
        TaskOutput { offsets: vec![0, bytes_out], inline: None, copy: None, rows: rows_out },
    );
}

/// The workers of one run, dealt out by turns: a stage goes on where the one before it stopped, so that stages of one task do not
/// all meet on the first worker.
pub(in crate::planner::distributed) struct Route {
    workers: Vec<Url>,
    next: AtomicUsize,
}

impl Route {
    pub(super) fn new(workers: Vec<Url>) -> Self {
        Self { workers, next: AtomicUsize::new(0) }
    }

    pub(in crate::planner::distributed) fn urls(&self, tasks: usize) -> Vec<Url> {
        let first = self.next.fetch_add(tasks, Relaxed);
        self.workers.iter().cycle().skip(first % self.workers.len().max(1)).take(tasks).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_take_turns() {
        let workers: Vec<Url> = (1..=3).map(|n| Url::parse(&format!("http://w{n}/")).unwrap()).collect();
        let route = Route::new(workers.clone());
        assert_eq!(route.urls(1), workers[..1]);
        assert_eq!(route.urls(4), [&workers[1..], &workers[..2]].concat());
        assert_eq!(route.urls(1), workers[2..]);
    }
}
