//! The local Lambda as a value: started, asked, shut down.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::conditions::LambdaConditions;
use super::function::Function;
use super::http_server;
use super::invocation_log::InvocationRecord;
use super::invoke_api::InvokeApi;
use super::settings::LambdaServerSettings;
use super::workers::WorkerProcess;

/// Why the local Lambda did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the local Lambda has no worker program: set `command`")]
    NoCommand,
    #[error("the local Lambda needs a concurrency of at least 1")]
    NoConcurrency,
    #[error("the local Lambda cannot listen on {addr}: {source}")]
    Listen { addr: SocketAddr, source: io::Error },
}

/// A running local Lambda. Dropping it stops it as well, without waiting for its processes to be gone.
#[derive(Debug)]
pub struct LambdaServer {
    addr: SocketAddr,
    function: Arc<Function>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl LambdaServer {
    /// Binds the address and serves from now on. No worker is started before the first invocation.
    pub async fn start(mut settings: LambdaServerSettings) -> Result<Self, StartError> {
        if settings.command.is_empty() {
            return Err(StartError::NoCommand);
        }
        if settings.concurrency == 0 {
            return Err(StartError::NoConcurrency);
        }
        let listen_error = |source| StartError::Listen { addr: settings.addr, source };
        let listener = TcpListener::bind(settings.addr).await.map_err(listen_error)?;
        let addr = listener.local_addr().map_err(listen_error)?;

        // A function that calls functions finds this server where it would find AWS.
        settings.env.insert(0, ("AWS_ENDPOINT_URL_LAMBDA".to_owned(), format!("http://{addr}")));

        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let function = Function::new(settings, tasks.clone(), stop.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(function.clone().expire_idle()));

        let api = Arc::new(InvokeApi::new(function.clone()));
        let handler = move |request| {
            let api = api.clone();
            async move { api.handle(request).await }
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(http_server::serve(listener, handler)));
        Ok(Self { addr, function, tasks, _stop_on_drop: stop.clone().drop_guard(), stop })
    }

    /// The endpoint to give to an AWS SDK or to the AWS CLI's `--endpoint-url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The worker processes that are alive now, oldest first.
    pub fn workers(&self) -> Vec<WorkerProcess> {
        self.function.workers()
    }

    /// The last invocations (at most 10,000), oldest first, throttled ones included.
    pub fn invocation_log(&self) -> Vec<InvocationRecord> {
        self.function.invocation_log()
    }

    /// How many invocations run or wait for room, those included whose caller has gone.
    pub fn under_way(&self) -> usize {
        self.function.under_way()
    }

    /// Faults, which may be changed while the server runs.
    pub fn conditions(&self) -> &LambdaConditions {
        self.function.conditions()
    }

    /// Stops listening, kills the workers, and returns when they are gone and their temporary files deleted.
    pub async fn shutdown(self) {
        self.stop_and_wait().await;
    }

    pub(super) async fn stop_and_wait(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
