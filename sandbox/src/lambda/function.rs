//! The function: its environments, warm ones kept, and the way of one invocation through them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::environment::{Environment, Finished, Run};
use super::failure::Failure;
use super::invocation_log::{InvocationLog, InvocationRecord, InvocationStatus};
use super::logs::TAIL_BYTES;
use super::name;
use super::report::{Report, end_line, start_line};
use super::settings::LambdaServerSettings;
use super::workers::{WorkerProcess, Workers};

#[derive(Debug)]
pub(super) struct Function {
    settings: LambdaServerSettings,
    permits: Arc<Semaphore>,
    /// Most recently used last.
    idle: Mutex<Vec<Environment>>,
    workers: Arc<Workers>,
    log: InvocationLog,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What the caller of an invocation gets.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) payload: Bytes,
    pub(super) is_function_error: bool,
    /// The last 4 KB of the log.
    pub(super) log_tail: Vec<u8>,
}

/// Why an invocation was not run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotRun {
    Throttled,
    Stopping,
}

impl Function {
    pub(super) fn new(settings: LambdaServerSettings, tasks: TaskTracker, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(settings.concurrency)),
            settings,
            idle: Mutex::default(),
            workers: Arc::default(),
            log: InvocationLog::default(),
            tasks,
            stop,
        })
    }

    pub(super) fn settings(&self) -> &LambdaServerSettings {
        &self.settings
    }

    pub(super) fn arn(&self) -> String {
        name::arn(&self.settings.region, &self.settings.function)
    }

    pub(super) fn workers(&self) -> Vec<WorkerProcess> {
        self.workers.snapshot()
    }

    pub(super) fn invocation_log(&self) -> Vec<InvocationRecord> {
        self.log.snapshot()
    }

    /// Runs one invocation now, or refuses it. It runs to its end even if the caller goes away.
    pub(super) async fn invoke(self: &Arc<Self>, request_id: String, payload: Bytes) -> Result<Answer, NotRun> {
        if self.stop.is_cancelled() {
            return Err(NotRun::Stopping);
        }
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            self.log.add(self.throttled(request_id, payload.len()));
            return Err(NotRun::Throttled);
        };
        let (answer, is_answered) = oneshot::channel();
        self.tasks.spawn({
            let function = self.clone();
            async move {
                // An error says that the caller went away.
                let _ = answer.send(function.run(permit, &request_id, payload).await);
            }
        });
        is_answered.await.map_err(|_| NotRun::Stopping)
    }

    /// Runs one invocation when there is room for it, with nobody waiting for its answer.
    pub(super) fn invoke_later(self: &Arc<Self>, request_id: String, payload: Bytes) {
        let function = self.clone();
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(async move {
            if let Ok(permit) = function.permits.clone().acquire_owned().await {
                function.run(permit, &request_id, payload).await;
            }
        }));
    }

    /// Ends environments that have been idle for too long. Runs until dropped.
    pub(super) async fn expire_idle(self: Arc<Self>) {
        let idle_timeout = self.settings.idle_timeout;
        let interval = (idle_timeout / 4).clamp(Duration::from_millis(10), Duration::from_secs(5));
        loop {
            tokio::time::sleep(interval).await;
            let now = Instant::now();
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|it| !it.process.has_ended() && now.duration_since(it.idle_since) < idle_timeout);
        }
    }

    /// The environment is idle again, and the permit given back, before the caller hears the answer.
    async fn run(&self, permit: OwnedSemaphorePermit, request_id: &str, payload: Bytes) -> Answer {
        let (bytes_in, mut invocation) = (payload.len(), Invocation::default());
        let environment = self.run_in_environment(&mut invocation, request_id, payload).await;

        let mut max_memory_mb = 0;
        if let Some(environment) = &environment {
            max_memory_mb = environment.peak_memory_mb().min(self.settings.memory_mb);
            invocation.log.extend(environment.process.logs.take().await);
        }
        let pid = environment.as_ref().map(|environment| environment.process.pid);
        if let Some(environment) = environment {
            self.release(environment);
        }
        let answer = self.account(request_id, bytes_in, pid, max_memory_mb, invocation);
        drop(permit);
        answer
    }

    /// Leaves what happened in `invocation`; gives back the environment, if one was started.
    async fn run_in_environment(
        &self,
        invocation: &mut Invocation,
        request_id: &str,
        payload: Bytes,
    ) -> Option<Environment> {
        loop {
            let (environment, is_cold) = match self.take_idle() {
                Some(environment) => (environment, false),
                None => {
                    let start = Environment::start(&self.settings, self.workers.clone(), &self.tasks, &self.stop).await;
                    match start {
                        Ok(environment) => (environment, true),
                        Err(failure) => {
                            invocation.start(request_id);
                            invocation.result = Err(failure);
                            return None;
                        }
                    }
                }
            };
            self.workers.set_busy(environment.process.pid, true);
            if is_cold {
                invocation.is_cold = true;
                let begun = Instant::now();
                let init = environment.initialised(self.settings.init_timeout).await;
                invocation.log.extend(environment.process.logs.take().await);
                match init {
                    Ok(duration) => invocation.init = Some(duration),
                    Err(failure) => {
                        invocation.start(request_id);
                        invocation.duration = begun.elapsed();
                        invocation.result = Err(failure);
                        return Some(environment);
                    }
                }
            }
            let run = environment.run(request_id.to_owned(), payload.clone(), self.arn(), self.settings.timeout);
            invocation.start(request_id);
            match run.await {
                Run::Finished(Finished { duration, result }) => {
                    (invocation.duration, invocation.result) = (duration, result);
                    return Some(environment);
                }
                Run::NotTaken if is_cold => {
                    invocation.result = Err(Failure::Exited(environment.process.kill().await));
                    return Some(environment);
                }
                // A warm process had died in the meantime, which is no fault of this invocation.
                Run::NotTaken => invocation.log.clear(),
            }
        }
    }

    fn take_idle(&self) -> Option<Environment> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(environment) = idle.pop() {
            if !environment.process.has_ended() {
                return Some(environment);
            }
        }
        None
    }

    fn release(&self, mut environment: Environment) {
        if environment.process.has_ended() || !environment.is_ready() {
            return;
        }
        self.workers.set_busy(environment.process.pid, false);
        environment.idle_since = Instant::now();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(environment);
    }

    /// Writes the end of the invocation's log and its record.
    fn account(
        &self,
        request_id: &str,
        bytes_in: usize,
        pid: Option<u32>,
        max_memory_mb: u64,
        mut invocation: Invocation,
    ) -> Answer {
        let now = Utc::now();
        let report = Report {
            request_id,
            duration: invocation.duration,
            init: invocation.init,
            memory_mb: self.settings.memory_mb,
            max_memory_mb,
            status: invocation.result.as_ref().err().map(Failure::report_status),
        };
        invocation.line(&end_line(request_id));
        invocation.line(&report.line());
        if let Err(failure) = &invocation.result {
            let line = failure.log_line(request_id, now);
            if !line.is_empty() {
                invocation.line(&line);
            }
        }
        let (status, payload) = match &invocation.result {
            Ok(payload) => (InvocationStatus::Ok, payload.clone()),
            Err(failure) => (failure.status(), failure.body(request_id, now)),
        };
        self.log.add(InvocationRecord {
            function: self.settings.function.clone(),
            request_id: request_id.to_owned(),
            status,
            pid,
            cold_start: invocation.is_cold,
            init: invocation.init,
            duration: invocation.duration,
            billed_ms: report.billed_ms(),
            max_memory_mb,
            bytes_in: bytes_in as u64,
            bytes_out: payload.len() as u64,
        });
        let excess = invocation.log.len().saturating_sub(TAIL_BYTES);
        invocation.log.drain(..excess);
        Answer { payload, is_function_error: invocation.result.is_err(), log_tail: invocation.log }
    }

    fn throttled(&self, request_id: String, bytes_in: usize) -> InvocationRecord {
        InvocationRecord {
            function: self.settings.function.clone(),
            request_id,
            status: InvocationStatus::Throttled,
            pid: None,
            cold_start: false,
            init: None,
            duration: Duration::ZERO,
            billed_ms: 0,
            max_memory_mb: 0,
            bytes_in: bytes_in as u64,
            bytes_out: 0,
        }
    }
}

/// What is known of a running invocation.
#[derive(Debug)]
struct Invocation {
    log: Vec<u8>,
    is_cold: bool,
    init: Option<Duration>,
    duration: Duration,
    result: Result<Bytes, Failure>,
}

impl Default for Invocation {
    fn default() -> Self {
        Self { log: Vec::new(), is_cold: false, init: None, duration: Duration::ZERO, result: Ok(Bytes::new()) }
    }
}

impl Invocation {
    fn start(&mut self, request_id: &str) {
        self.line(&start_line(request_id));
    }

    fn line(&mut self, line: &str) {
        if !self.log.is_empty() && !self.log.ends_with(b"\n") {
            self.log.push(b'\n');
        }
        self.log.extend_from_slice(line.as_bytes());
        self.log.push(b'\n');
    }
}
