//! An execution environment: a process that can be given one invocation at a time.

use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::conditions::Injected;
use super::failure::Failure;
use super::memory;
use super::process::Process;
use super::runtime_api::{Init, Job, Reply, RuntimeApi};
use super::settings::LambdaServerSettings;
use super::workers::Workers;
use crate::faults::LambdaFault;

/// Often enough to catch a process that allocates, seldom enough to cost nothing.
const MEMORY_CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// One environment, starting or ready. Dropping it kills its process.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) process: Process,
    /// When it last became idle.
    pub(super) idle_since: Instant,
    jobs: mpsc::Sender<Job>,
    init: watch::Receiver<Init>,
    started: Instant,
    memory_limit_mb: u64,
    peak_memory_mb: AtomicU64,
}

/// One invocation, as an environment needs it.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) function_arn: String,
    pub(super) timeout: Duration,
    pub(super) fault: Option<Injected>,
}

/// What became of an invocation that was handed to an environment.
#[derive(Debug)]
pub(super) enum Run {
    Finished(Finished),
    /// The process had ended before it took the work; another one can.
    NotTaken,
}

#[derive(Debug)]
pub(super) struct Finished {
    pub(super) duration: Duration,
    pub(super) result: Result<Bytes, Failure>,
}

impl Environment {
    pub(super) async fn start(
        settings: &LambdaServerSettings,
        workers: Arc<Workers>,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) -> Result<Self, Failure> {
        let started = Instant::now();
        let (api, jobs, init) = RuntimeApi::new();
        let process = Process::spawn(settings, api, workers, tasks, stop).await.map_err(|error| {
            let program = settings.command.first().map_or("", String::as_str);
            Failure::InvalidEntrypoint(format!("fork/exec {program}: {error}"))
        })?;
        Ok(Self {
            process,
            idle_since: started,
            jobs,
            init,
            started,
            memory_limit_mb: settings.memory_mb,
            peak_memory_mb: AtomicU64::new(0),
        })
    }

    /// Waits until the worker asks for work; how long that took since its start.
    pub(super) async fn initialised(&self, limit: Duration) -> Result<Duration, Failure> {
        let mut init = self.init.clone();
        tokio::select! {
            biased;
            Ok(state) = init.wait_for(|init| !matches!(init, Init::Starting)) => match &*state {
                Init::Failed(reason) => Err(Failure::Reported(reason.clone())),
                Init::Ready(at) => Ok(at.duration_since(self.started)),
                Init::Starting => Ok(self.started.elapsed()),
            },
            status = self.process.ended() => Err(Failure::Exited(status)),
            () = tokio::time::sleep_until(self.started + limit) => Err(Failure::InitTimedOut(limit)),
        }
    }

    /// Whether its worker can be given work.
    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.init.borrow(), Init::Ready(_))
    }

    /// Hands one invocation to the worker and waits for its end. A failure but a reported one ends the process.
    pub(super) async fn run(&self, work: Work) -> Run {
        let Work { request_id, payload, function_arn, timeout, fault } = work;
        let (taken, is_taken) = oneshot::channel();
        let (reply, mut is_replied) = oneshot::channel();
        let handed_over = Instant::now();
        if self.jobs.send(Job { request_id, payload, function_arn, timeout, taken, reply }).await.is_err() {
            return Run::NotTaken;
        }
        let begun = tokio::select! {
            biased;
            Ok(begun) = is_taken => begun,
            _ = self.process.ended() => return Run::NotTaken,
            () = tokio::time::sleep(timeout) => {
                self.process.kill().await;
                return Run::Finished(Finished { duration: timeout, result: Err(Failure::TimedOut(timeout)) });
            }
        };
        tracing::trace!(waited = ?begun.duration_since(handed_over), "work taken");

        if let Some(failure) = self.struck_down(fault, begun).await {
            return Run::Finished(Finished { duration: begun.elapsed(), result: Err(failure) });
        }
        let result = tokio::select! {
            biased;
            reply = &mut is_replied => match reply {
                Ok(_) if self.is_above_memory_limit() => self.kill_for(Failure::OutOfMemory).await,
                Ok(Reply::Response(body)) => Ok(body),
                Ok(Reply::ResponseTooLarge) => Err(Failure::ResponseTooLarge),
                Ok(Reply::Error(body)) => Err(Failure::Reported(body)),
                // It asked for other work without having answered, or it ended just now.
                Err(_) => Err(Failure::Exited(self.process.kill().await)),
            },
            status = self.process.ended() => Err(self.classify_end(status)),
            () = tokio::time::sleep_until(begun + timeout) => self.kill_for(Failure::TimedOut(timeout)).await,
            () = self.exceeds_memory() => self.kill_for(Failure::OutOfMemory).await,
        };
        let result = match (result, fault.map(|fault| fault.class)) {
            (Ok(_), Some(LambdaFault::CrashAfterOutput)) => Err(Failure::Exited(self.process.kill().await)),
            (result, _) => result,
        };
        let duration = match &result {
            Err(Failure::TimedOut(_)) => timeout,
            _ => begun.elapsed(),
        };
        Run::Finished(Finished { duration, result })
    }

    /// The most memory used so far, in MB, as far as it was looked at.
    pub(super) fn peak_memory_mb(&self) -> u64 {
        self.look_at_memory()
    }

    /// Kills the worker in the middle of its work, if that is the fault.
    async fn struck_down(&self, fault: Option<Injected>, begun: Instant) -> Option<Failure> {
        let fault = fault?;
        match fault.class {
            LambdaFault::CrashBeforeOutput => Some(Failure::Exited(self.process.kill().await)),
            LambdaFault::OutOfMemory => {
                self.process.kill().await;
                self.peak_memory_mb.fetch_max(self.memory_limit_mb + 1, Ordering::Relaxed);
                Some(Failure::OutOfMemory)
            }
            LambdaFault::Timeout => {
                tokio::time::sleep_until(begun + fault.timeout_after).await;
                self.process.kill().await;
                Some(Failure::TimedOut(fault.timeout_after))
            }
            LambdaFault::Throttle
            | LambdaFault::ThrottleRetryAfter
            | LambdaFault::ServiceError
            | LambdaFault::CrashAfterOutput
            | LambdaFault::Duplicate
            | LambdaFault::LateAnswer
            | LambdaFault::CutAnswer
            | LambdaFault::TruncatedAnswer
            | LambdaFault::ColdStart => None,
        }
    }

    async fn kill_for(&self, failure: Failure) -> Result<Bytes, Failure> {
        self.process.kill().await;
        Err(failure)
    }

    async fn exceeds_memory(&self) {
        while !self.is_above_memory_limit() {
            tokio::time::sleep(MEMORY_CHECK_INTERVAL).await;
        }
    }

    fn is_above_memory_limit(&self) -> bool {
        self.look_at_memory() > self.memory_limit_mb
    }

    /// A process that ended after it was seen above its limit was on its way to be killed for it.
    fn classify_end(&self, status: ExitStatus) -> Failure {
        if self.is_above_memory_limit() { Failure::OutOfMemory } else { Failure::Exited(status) }
    }

    fn look_at_memory(&self) -> u64 {
        let now = memory::peak_mb(self.process.pid).unwrap_or(0);
        self.peak_memory_mb.fetch_max(now, Ordering::Relaxed).max(now)
    }
}
