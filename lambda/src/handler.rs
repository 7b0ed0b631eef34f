//! The function: takes task requests from Lambda's Runtime API, hands them to a worker, gives back its answers.

use std::sync::Arc;

use arachne_engine::protocol::{ENGINE_VERSION, TaskRequest, TaskResponse};
use arachne_engine::worker::Worker;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::Instrument as _;

#[cfg(feature = "relay")]
use crate::relay::{Relay, RelayRequest};

/// The `errorType` of the answer to a payload that is not a task.
pub const NOT_A_TASK: &str = "Arachne.NotATask";

/// What the Runtime API's client insists on; it panics without them.
const REQUIRED_VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// Serves the Runtime API named by `AWS_LAMBDA_RUNTIME_API`, one task at a time, until its connection breaks.
///
/// A task that fails is a `TaskResponse` that says so; only a payload that is no task at all is a function error. A group of tasks is
/// passed on, the first excepted (see [`crate::relay`]).
///
/// # Errors
/// When this process was not started by Lambda (or something that acts like it), or when the Runtime API is gone.
pub async fn run(worker: Worker) -> Result<(), lambda_runtime::Error> {
    if let Some(missing) = REQUIRED_VARIABLES.iter().find(|name| std::env::var_os(name).is_none()) {
        return Err(format!(
            "the environment variable {missing} is not set: a worker is started by AWS Lambda, `arachne sandbox` or another \
             server of Lambda's runtime API, not by hand"
        )
        .into());
    }
    tracing::info!(version = ENGINE_VERSION, "worker ready");
    let function = Arc::new(Function::new(worker));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let function = Arc::clone(&function);
        async move { function.answer(event).await }
    }))
    .await
}

/// What is kept between invocations.
struct Function {
    worker: Worker,
    #[cfg(feature = "relay")]
    relay: Relay,
}

impl Function {
    fn new(worker: Worker) -> Self {
        Self {
            worker,
            #[cfg(feature = "relay")]
            relay: Relay::default(),
        }
    }

    async fn answer(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Box<RawValue>, NotATask> {
        let payload = event.payload.get();
        match serde_json::from_str::<TaskRequest>(payload) {
            Ok(request) => Ok(to_json(&run_task(&self.worker, request).await)),
            Err(error) => self.pass_on(payload).await.unwrap_or(Err(NotATask(error))),
        }
    }

    /// `None` for what is not a group of tasks.
    #[cfg(feature = "relay")]
    async fn pass_on(&self, payload: &str) -> Option<Result<Box<RawValue>, NotATask>> {
        let group: RelayRequest = serde_json::from_str(payload).ok()?;
        let first = group.first_task()?;
        let request = match first {
            Ok(request) => request,
            Err(error) => return Some(Err(NotATask(error))),
        };
        let own = async { to_json(&run_task(&self.worker, request).await) };
        Some(Ok(to_json(&self.relay.answer(group, own).await)))
    }

    #[cfg(not(feature = "relay"))]
    async fn pass_on(&self, _: &str) -> Option<Result<Box<RawValue>, NotATask>> {
        None
    }
}

fn to_json(answer: &impl Serialize) -> Box<RawValue> {
    // Maps with keys that are no strings are all that cannot be JSON, and there is none in an answer.
    serde_json::value::to_raw_value(answer).unwrap_or_default()
}

async fn run_task(worker: &Worker, request: TaskRequest) -> TaskResponse {
    let span = tracing::info_span!(
        "task",
        query_id = request.query_id,
        stage = request.attempt.task.stage,
        task = request.attempt.task.task,
        attempt = request.attempt.number,
    );
    async {
        let response = worker.run(request).await;
        log(&response);
        response
    }
    .instrument(span)
    .await
}

fn log(response: &TaskResponse) {
    let stats = &response.stats;
    match &response.result {
        Ok(output) => tracing::info!(
            rows = output.rows,
            bytes = output.offsets.last().copied().unwrap_or(0),
            inline = output.inline.is_some(),
            elapsed_ms = stats.elapsed_ms,
            "task done"
        ),
        Err(error) => tracing::warn!(elapsed_ms = stats.elapsed_ms, %error, "task failed"),
    }
}

/// Somebody else's event, or a request of a coordinator whose messages look different.
#[derive(Debug)]
struct NotATask(serde_json::Error);

impl From<NotATask> for Diagnostic {
    fn from(NotATask(reason): NotATask) -> Self {
        Diagnostic {
            error_type: NOT_A_TASK.to_owned(),
            error_message: format!(
                "this function is an Arachne worker, version {ENGINE_VERSION}: it runs the tasks that an Arachne coordinator \
                 of the same version sends. This payload is not a task: {reason}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use arachne_engine::ErrorCode;
    use arachne_engine::worker::WorkerSettings;
    use lambda_runtime::Context;
    use serde_json::{Value, json};

    use super::*;

    async fn answer_to(payload: Value) -> Result<TaskResponse, Diagnostic> {
        let function = Function::new(Worker::try_new(WorkerSettings::default()).unwrap());
        let payload = serde_json::value::to_raw_value(&payload).unwrap();
        let answer = function.answer(LambdaEvent::new(payload, Context::default())).await.map_err(Diagnostic::from)?;
        Ok(serde_json::from_str(answer.get()).unwrap())
    }

    #[tokio::test]
    async fn somebody_elses_event_is_told_what_this_function_is() {
        for payload in [json!({}), json!({"ping": true}), json!([1]), json!("x"), Value::Null] {
            let diagnostic = answer_to(payload).await.unwrap_err();
            assert_eq!(diagnostic.error_type, NOT_A_TASK);
            let start = format!("this function is an Arachne worker, version {ENGINE_VERSION}: ");
            assert!(diagnostic.error_message.starts_with(&start), "{}", diagnostic.error_message);
        }
    }

    #[tokio::test]
    async fn a_task_that_cannot_run_is_an_answer() {
        let request = json!({
            "version": "0.0.1", "query_id": "q", "run": "00000000-0000-4000-8000-000000000000",
            "attempt": {"task": {"stage": 2, "task": 3}, "number": 1}, "task_count": 4, "plan": "", "options": [],
            "output": {"inline_limit": 0}, "exchange": null, "inputs": [], "pins": [], "timeout_ms": 1000,
        });
        let response = answer_to(request).await.unwrap();
        assert_eq!(response.attempt.to_string(), "2.3#1");
        assert_eq!(response.result.unwrap_err().code, ErrorCode::InvalidArgument);
    }
}
