//! The function: its environments, warm ones kept, and the way of one invocation through them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::conditions::{Injected, LambdaConditions};
use super::environment::{Environment, Finished, Run, Work};
use super::failure::Failure;
use super::invocation_log::{InvocationLog, InvocationRecord, InvocationStatus};
use super::logs::TAIL_BYTES;
use super::name;
use super::report::{Report, end_line, start_line};
use super::settings::LambdaServerSettings;
use super::workers::{WorkerProcess, Workers};
use crate::faults::{FaultClass as _, LambdaFault};

#[derive(Debug)]
pub(super) struct Function {
    settings: LambdaServerSettings,
    permits: Arc<Semaphore>,
    /// Most recently used last.
    idle: Mutex<Vec<Environment>>,
    workers: Arc<Workers>,
    log: InvocationLog,
    conditions: LambdaConditions,
    /// Invocations that run or wait for room.
    under_way: Arc<AtomicUsize>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// What the caller of an invocation gets.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) payload: Bytes,
    /// Its connection is to break in the middle of the payload.
    pub(super) is_cut: bool,
    pub(super) is_function_error: bool,
    /// The last 4 KB of the log.
    pub(super) log_tail: Vec<u8>,
}

/// Why an invocation was not run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotRun {
    Throttled {
        /// Whether the caller is told when to come back.
        retry_after: bool,
    },
    ServiceFailed,
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
            conditions: LambdaConditions::default(),
            under_way: Arc::default(),
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

    pub(super) fn conditions(&self) -> &LambdaConditions {
        &self.conditions
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Runs one invocation now, or refuses it. It runs to its end even if the caller goes away.
    pub(super) async fn invoke(self: &Arc<Self>, request_id: String, payload: Bytes) -> Result<Answer, NotRun> {
        if self.stop.is_cancelled() {
            return Err(NotRun::Stopping);
        }
        let fault = self.conditions.next_fault(&payload);
        let class = fault.map(|fault| fault.class);
        if class == Some(LambdaFault::ServiceError) {
            return Err(NotRun::ServiceFailed);
        }
        if let Some(LambdaFault::Throttle | LambdaFault::ThrottleRetryAfter) = class {
            self.log.add(self.throttled(request_id, payload.len(), fault));
            return Err(NotRun::Throttled { retry_after: class == Some(LambdaFault::ThrottleRetryAfter) });
        }
        let Ok(permit) = self.permits.clone().try_acquire_owned() else {
            self.log.add(self.throttled(request_id, payload.len(), None));
            return Err(NotRun::Throttled { retry_after: true });
        };
        if class == Some(LambdaFault::Duplicate) {
            self.invoke_later(request_id.clone(), payload.clone());
        }
        let (answer, is_answered) = oneshot::channel();
        self.tasks.spawn({
            let (function, under_way) = (self.clone(), self.begin());
            async move {
                let result = function.run(permit, &request_id, payload, fault).await;
                drop(under_way);
                // An error says that the caller went away.
                let _ = answer.send(result);
            }
        });
        let answer = is_answered.await.map_err(|_| NotRun::Stopping)?;
        Ok(match fault {
            Some(fault) => answer.with(fault).await,
            None => answer,
        })
    }

    /// Runs one invocation when there is room for it, with nobody waiting for its answer.
    pub(super) fn invoke_later(self: &Arc<Self>, request_id: String, payload: Bytes) {
        let (function, under_way) = (self.clone(), self.begin());
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(async move {
            if let Ok(permit) = function.permits.clone().acquire_owned().await {
                function.run(permit, &request_id, payload, None).await;
            }
            drop(under_way);
        }));
    }

    fn begin(&self) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.under_way.clone())
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
    async fn run(
        &self,
        permit: OwnedSemaphorePermit,
        request_id: &str,
        payload: Bytes,
        fault: Option<Injected>,
    ) -> Answer {
        let (bytes_in, mut invocation) = (payload.len(), Invocation { fault, ..Invocation::default() });
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
        let cold_start = invocation.fault.filter(|fault| fault.class == LambdaFault::ColdStart);
        if let Some(fault) = cold_start {
            // It makes room for the one that is started.
            drop(self.take_idle());
            tokio::time::sleep(fault.delay).await;
        }
        loop {
            let warm = if cold_start.is_none() { self.take_idle() } else { None };
            let (environment, is_cold) = match warm {
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
                    Ok(duration) => {
                        invocation.init = Some(duration + cold_start.map_or(Duration::ZERO, |fault| fault.delay));
                    }
                    Err(failure) => {
                        invocation.start(request_id);
                        invocation.duration = begun.elapsed();
                        invocation.result = Err(failure);
                        return Some(environment);
                    }
                }
            }
            invocation.start(request_id);
            let work = Work {
                request_id: request_id.to_owned(),
                payload: payload.clone(),
                function_arn: self.arn(),
                timeout: self.settings.timeout,
                fault: invocation.fault,
            };
            match environment.run(work).await {
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
            fault: invocation.fault.map(|fault| fault.class.name()),
        });
        let excess = invocation.log.len().saturating_sub(TAIL_BYTES);
        invocation.log.drain(..excess);
        Answer { payload, is_cut: false, is_function_error: invocation.result.is_err(), log_tail: invocation.log }
    }

    fn throttled(&self, request_id: String, bytes_in: usize, fault: Option<Injected>) -> InvocationRecord {
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
            fault: fault.map(|fault| fault.class.name()),
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
    fault: Option<Injected>,
}

/// Counts an invocation for as long as it lives.
#[derive(Debug)]
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Answer {
    /// As it arrives after a fault of its delivery.
    async fn with(self, fault: Injected) -> Self {
        match fault.class {
            LambdaFault::LateAnswer => {
                tokio::time::sleep(fault.delay).await;
                self
            }
            LambdaFault::CutAnswer => Self { is_cut: true, ..self },
            LambdaFault::TruncatedAnswer => Self { payload: self.payload.slice(..self.payload.len() / 2), ..self },
            LambdaFault::Throttle
            | LambdaFault::ThrottleRetryAfter
            | LambdaFault::ServiceError
            | LambdaFault::Timeout
            | LambdaFault::CrashBeforeOutput
            | LambdaFault::CrashAfterOutput
            | LambdaFault::OutOfMemory
            | LambdaFault::Duplicate
            | LambdaFault::ColdStart => self,
        }
    }
}

impl Default for Invocation {
    fn default() -> Self {
        Self {
            log: Vec::new(),
            is_cold: false,
            init: None,
            duration: Duration::ZERO,
            result: Ok(Bytes::new()),
            fault: None,
        }
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
