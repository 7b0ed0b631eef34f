//! The function: takes task requests from Lambda's Runtime API, hands them to a worker, gives back its answers.

use std::sync::Arc;

use arachne_engine::protocol::{ENGINE_VERSION, TaskRequest, TaskResponse};
use arachne_engine::worker::Worker;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument as _;

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
/// A task that fails is a `TaskResponse` that says so; only a payload that is no task at all is a function error.
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
    let worker = Arc::new(worker);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let worker = Arc::clone(&worker);
        async move { answer(&worker, event).await }
    }))
    .await
}

async fn answer(worker: &Worker, event: LambdaEvent<Value>) -> Result<TaskResponse, NotATask> {
    let request: TaskRequest = serde_json::from_value(event.payload).map_err(NotATask)?;
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
        Ok(response)
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
    use serde_json::json;

    use super::*;

    async fn answer_to(payload: Value) -> Result<TaskResponse, Diagnostic> {
        let worker = Worker::try_new(WorkerSettings::default()).unwrap();
        answer(&worker, LambdaEvent::new(payload, Context::default())).await.map_err(Diagnostic::from)
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
