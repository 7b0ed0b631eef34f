//! The worker of a cluster: datafusion-distributed's gRPC service, with our sessions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use datafusion_distributed::Worker as LibraryWorker;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tracing::{info, warn};

use super::admission::{Admission, Slots};
use super::calls::Calls;
use super::channel::{CONNECTION_WINDOW, Channels, KEEPALIVE, MAX_HEADER_BYTES, STREAM_WINDOW};
use super::session::TaskSessions;
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::ENGINE_VERSION;
use crate::storage::ObjectStores;
use crate::worker::{Worker, WorkerSettings};

/// Every pair of tasks in consecutive stages has a stream of its own, and all of them run at once: a bound on streams would make
/// some wait for others that wait for them. Cancelling a wide query resets as many.
const MANY_STREAMS: u32 = 1 << 20;

#[derive(Debug, Clone)]
pub struct ClusterWorkerSettings {
    /// There is no encryption and no check of who asks: an address that only trusted machines reach. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// What all tasks together may use.
    pub worker: WorkerSettings,
    /// More than so many tasks at once are refused.
    pub max_tasks: usize,
    /// What it says it is, and wants of coordinators.
    pub version: String,
    /// How long running tasks may take when it is asked to stop.
    pub grace: Duration,
}

impl ClusterWorkerSettings {
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            worker: WorkerSettings::default(),
            max_tasks: 1024,
            version: ENGINE_VERSION.to_owned(),
            grace: Duration::from_secs(10),
        }
    }
}

/// Runs tasks of any number of queries, each in a session of its own.
pub struct ClusterWorker {
    listener: TcpListener,
    address: SocketAddr,
    slots: Slots,
    calls: Calls,
    grace: Duration,
    service: LibraryWorker,
}

impl ClusterWorker {
    /// Listens; tasks are taken once it [serves](Self::serve). Plans are executed on the runtime of `compute`; the current one only
    /// talks, so that a worker is heard from and can be stopped whatever its operators do.
    ///
    /// # Errors
    /// `Unavailable` when it cannot listen there; when the spill folder cannot be used.
    pub async fn bind(settings: ClusterWorkerSettings, stores: Arc<ObjectStores>, compute: Handle) -> Result<Self> {
        let ClusterWorkerSettings { listen, worker, max_tasks, version, grace } = settings;
        let cannot =
            |error: std::io::Error| Error::new(ErrorCode::Unavailable, format!("cannot listen on {listen}: {error}"));
        let listener = TcpListener::bind(listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let calls = Calls::default();
        let sessions = TaskSessions {
            worker: Arc::new(Worker::try_with_stores(worker, stores)?),
            version: version.as_str().into(),
            channels: Arc::new(Channels::driven_by(Handle::current())),
            compute,
            calls: calls.clone(),
        };
        let service = LibraryWorker::from_session_builder(sessions).with_version(version);
        Ok(Self { listener, address, slots: Slots::new(max_tasks), calls, grace, service })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tasks that run now.
    pub fn tasks(&self) -> TaskCount {
        TaskCount(self.slots.clone())
    }

    /// Serves until `stop` is ready: then no task is taken any more, and those that run have the grace period to end.
    ///
    /// # Errors
    /// `Unavailable` when the service breaks down.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send) -> Result<()> {
        let (stopping, asked) = oneshot::channel();
        let (tasks, slots) = (self.tasks(), self.slots.clone());
        let stop = async move {
            stop.await;
            slots.close();
            // Nobody listens when the server is gone already.
            let _ = stopping.send(());
        };
        let serving = Server::builder()
            .max_concurrent_streams(MANY_STREAMS)
            .http2_max_pending_accept_reset_streams(Some(MANY_STREAMS as usize))
            .http2_max_local_error_reset_streams(Some(MANY_STREAMS as usize))
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(STREAM_WINDOW)
            .http2_keepalive_interval(Some(KEEPALIVE.0))
            .http2_keepalive_timeout(Some(KEEPALIVE.1))
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            .add_service(Admission { service: self.service.into_worker_server(), slots: self.slots, calls: self.calls })
            .serve_with_incoming_shutdown(TcpIncoming::from(self.listener).with_nodelay(Some(true)), stop);
        info!(address = %self.address, version = ENGINE_VERSION, "worker listens");
        let too_late = async {
            if asked.await.is_ok() {
                tokio::time::sleep(self.grace).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            served = serving => served.map_err(|error| Error::new(ErrorCode::Unavailable, format!("the worker broke down: {error}"))),
            () = too_late => {
                warn!(tasks = tasks.running(), "tasks are cut off");
                Ok(())
            }
        }
    }
}

/// Watches how much a worker has to do.
#[derive(Debug, Clone)]
pub struct TaskCount(Slots);

impl TaskCount {
    pub fn running(&self) -> usize {
        self.0.taken()
    }
}
