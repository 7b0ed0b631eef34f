//! One worker process, from its start to its end.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::http_server;
use super::logs::{LogPump, Logs};
use super::runtime_api::RuntimeApi;
use super::settings::LambdaServerSettings;
use super::variables::variables;
use super::workers::Workers;

/// A running process. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) logs: Logs,
    ended: watch::Receiver<Option<ExitStatus>>,
    kill: CancellationToken,
    _kill_on_drop: DropGuard,
}

impl Process {
    /// Starts the worker program with a Runtime API and a temporary folder of its own.
    pub(super) async fn spawn(
        settings: &LambdaServerSettings,
        api: Arc<RuntimeApi>,
        workers: Arc<Workers>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> io::Result<Self> {
        let temp_dir = temp_dir(settings)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let mut child = spawn_child(settings, &listener, temp_dir.path())?;
        let pid = child.id().ok_or_else(|| io::Error::other("the process has already ended"))?;
        let (logs, pump) = Logs::capture(child.stdout.take(), child.stderr.take(), pid);
        let (report_end, ended) = watch::channel(None);
        let kill = stop.child_token();
        workers.add(pid);
        tracing::debug!(pid, "worker process started");
        tasks.spawn({
            let kill = kill.clone();
            async move {
                let status = supervise(child, pump, listener, api, kill).await;
                tracing::debug!(pid, ?status, "worker process ended");
                workers.remove(pid);
                if let Err(error) = temp_dir.close() {
                    tracing::warn!(%error, "cannot delete a worker's temporary folder");
                }
                // After everything else: who waits for the end may look at the rest.
                report_end.send_replace(status.ok());
            }
        });
        Ok(Self { pid, logs, ended, _kill_on_drop: kill.clone().drop_guard(), kill })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.has_changed().is_err() || self.ended.borrow().is_some()
    }

    /// Waits for the end of the process.
    pub(super) async fn ended(&self) -> ExitStatus {
        let status = self.ended.clone().wait_for(Option::is_some).await.ok().and_then(|status| *status);
        status.unwrap_or_default()
    }

    /// Sends SIGKILL, as Lambda does, and waits until the process is gone.
    pub(super) async fn kill(&self) -> ExitStatus {
        self.kill.cancel();
        self.ended().await
    }
}

fn temp_dir(settings: &LambdaServerSettings) -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("lambda-");
    match &settings.temp_root {
        Some(root) => builder.tempdir_in(root),
        None => builder.tempdir(),
    }
}

fn spawn_child(settings: &LambdaServerSettings, listener: &TcpListener, temp_dir: &Path) -> io::Result<Child> {
    let (program, arguments) =
        settings.command.split_first().ok_or_else(|| io::Error::other("no worker program is set"))?;
    let log_stream = format!("{}/[$LATEST]{}", chrono::Utc::now().format("%Y/%m/%d"), Uuid::new_v4().simple());
    Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(variables(settings, listener.local_addr()?, &log_stream, temp_dir))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C in the terminal is for the server, which then kills its workers.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Serves the process until it ends, by itself or killed.
///
/// Should this server itself be killed, the Runtime API's connection breaks, and a worker that asks for work ends by itself.
async fn supervise(
    mut child: Child,
    mut pump: LogPump,
    listener: TcpListener,
    api: Arc<RuntimeApi>,
    kill: CancellationToken,
) -> io::Result<ExitStatus> {
    let handler = move |request| {
        let api = api.clone();
        async move { api.handle(request).await }
    };
    let status = tokio::select! {
        status = wait_or_kill(&mut child, &kill) => status,
        () = http_server::serve(listener, handler) => child.wait().await,
        () = pump.run() => child.wait().await,
    };
    pump.drain().await;
    status
}

async fn wait_or_kill(child: &mut Child, kill: &CancellationToken) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        () = kill.cancelled() => {}
    }
    child.kill().await?;
    child.wait().await
}
