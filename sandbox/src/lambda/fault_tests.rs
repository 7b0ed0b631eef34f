//! Each fault as callers see it: through the AWS SDK, or on the wire.

use std::time::{Duration, Instant};

use aws_sdk_lambda::operation::invoke::InvokeError;
use serde_json::{Value, json};

use super::tests::{Lambda, body, report_line, settings, wait_until};
use super::{InvocationStatus, LambdaServerSettings};
use crate::faults::{FaultClass, LambdaFault, LambdaFaults};

const DELAY: Duration = Duration::from_millis(700);

async fn with_fault(class: LambdaFault) -> Lambda {
    let lambda = Lambda::start().await;
    lambda.server.conditions().set_faults(plan().with(class, 1.0));
    lambda
}

fn plan() -> LambdaFaults {
    LambdaFaults::new(1).with_delay(DELAY)
}

fn echo(text: &str) -> Value {
    json!({"op": "echo", "text": text})
}

#[tokio::test]
async fn refusals_look_like_lambdas_and_run_nothing() {
    let lambda = with_fault(LambdaFault::Throttle).await;
    let InvokeError::TooManyRequestsException(error) = lambda.invoke(echo("a")).await.unwrap_err() else { panic!() };
    assert_eq!(error.retry_after_seconds(), None);
    lambda.server.conditions().set_faults(plan().with(LambdaFault::ThrottleRetryAfter, 1.0));
    let InvokeError::TooManyRequestsException(error) = lambda.invoke(echo("a")).await.unwrap_err() else { panic!() };
    assert_eq!(error.retry_after_seconds(), Some("1"));
    lambda.server.conditions().set_faults(plan().with(LambdaFault::ServiceError, 1.0));
    assert!(matches!(lambda.invoke(echo("a")).await.unwrap_err(), InvokeError::ServiceException(_)));
    assert!(lambda.server.workers().is_empty());
    assert!(lambda.records().iter().all(|record| record.status == InvocationStatus::Throttled));
    lambda.server.conditions().clear_faults();
    lambda.call(echo("a")).await;
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_crash_before_output_leaves_nothing_and_one_after_it_leaves_all() {
    let dir = tempfile::tempdir().unwrap();
    for (class, is_written) in [(LambdaFault::CrashBeforeOutput, false), (LambdaFault::CrashAfterOutput, true)] {
        let lambda = with_fault(class).await;
        let file = dir.path().join(class.name());
        let output = lambda.invoke(json!({"op": "write", "path": file})).await.unwrap();
        assert_eq!(output.function_error(), Some("Unhandled"));
        assert_eq!(body(&output)["errorType"], "Runtime.ExitError");
        assert!(body(&output)["errorMessage"].as_str().unwrap().ends_with("signal: killed"));
        assert_eq!(file.exists(), is_written, "{class:?}");
        assert!(lambda.server.workers().is_empty());
        let [record] = lambda.records().try_into().unwrap();
        assert_eq!((record.status, record.fault), (InvocationStatus::Crashed, Some(class.name())));
        lambda.server.shutdown().await;
    }
}

#[tokio::test]
async fn a_time_out_and_a_kill_for_memory_are_told_in_lambdas_words() {
    let lambda = with_fault(LambdaFault::Timeout).await;
    let output = lambda.invoke(echo("a")).await.unwrap();
    let message = body(&output)["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.ends_with("Task timed out after 0.20 seconds"), "{message}");
    assert!(report_line(&output).contains("\tStatus: timeout"));
    assert_eq!(lambda.records()[0].status, InvocationStatus::TimedOut);

    lambda.server.conditions().set_faults(plan().with(LambdaFault::OutOfMemory, 1.0));
    let output = lambda.invoke(echo("a")).await.unwrap();
    assert!(body(&output)["errorMessage"].as_str().unwrap().ends_with("signal: killed"));
    let report = report_line(&output);
    assert!(report.contains("Memory Size: 512 MB\tMax Memory Used: 512 MB\t"), "{report}");
    assert!(report.contains("Error Type: Runtime.OutOfMemory"), "{report}");
    assert_eq!(lambda.records()[1].status, InvocationStatus::OutOfMemory);
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_duplicate_runs_in_a_second_environment() {
    let lambda = with_fault(LambdaFault::Duplicate).await;
    let answer = lambda.call(json!({"op": "sleep", "seconds": 1})).await;
    wait_until(|| lambda.server.under_way() == 0).await;
    let records = lambda.records();
    assert_eq!(records.len(), 2);
    assert_eq!(records[0].request_id, records[1].request_id);
    assert_ne!(records[0].pid, records[1].pid);
    assert!(records.iter().any(|record| Some(u64::from(record.pid.unwrap())) == answer["pid"].as_u64()));
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_late_answer_is_late_and_whole() {
    let lambda = with_fault(LambdaFault::LateAnswer).await;
    let started = Instant::now();
    let (answer, ()) = tokio::join!(lambda.call(echo("late")), async {
        wait_until(|| !lambda.records().is_empty()).await;
        assert!(lambda.server.workers().iter().all(|worker| !worker.busy), "the worker is done long before");
    });
    assert_eq!(answer["event"]["text"], "late");
    assert!(started.elapsed() >= DELAY);
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_cut_answer_breaks_and_a_truncated_one_does_not_parse() {
    let lambda = with_fault(LambdaFault::CutAnswer).await;
    let error = lambda.invoke(json!({"answer_bytes": 100_000})).await.unwrap_err();
    assert!(error.meta().code().is_none(), "not an answer of the service: {error:?}");
    assert_eq!(lambda.records()[0].status, InvocationStatus::Ok);

    lambda.server.conditions().set_faults(plan().with(LambdaFault::TruncatedAnswer, 1.0));
    let output = lambda.invoke(json!({"answer_bytes": 100_000})).await.unwrap();
    assert_eq!(output.function_error(), None);
    let payload = output.payload().unwrap().as_ref();
    assert!(payload.len() > 40_000 && serde_json::from_slice::<Value>(payload).is_err());
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_cold_start_takes_a_new_process_and_its_time() {
    let lambda = Lambda::start().await;
    let warm = lambda.call(echo("a")).await;
    lambda.server.conditions().set_faults(plan().with(LambdaFault::ColdStart, 1.0));
    let cold = lambda.call(echo("b")).await;
    assert_ne!(warm["pid"], cold["pid"]);
    let record = lambda.records().pop().unwrap();
    assert!(record.cold_start && record.init.unwrap() >= DELAY, "{record:?}");
    assert_eq!(lambda.server.workers().len(), 1);
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn the_same_seed_hits_the_same_invocations() {
    let lambda = Lambda::start_with(LambdaServerSettings { concurrency: 1, ..settings() }).await;
    let mut runs = Vec::new();
    for seed in [5, 5, 6] {
        let plan = LambdaFaults::new(seed).with(LambdaFault::ServiceError, 0.5).with_payload_key("/text");
        lambda.server.conditions().set_faults(plan);
        let mut hit = Vec::new();
        for number in 0..20 {
            hit.push(lambda.invoke(echo(&format!("{}", number % 10))).await.is_err());
        }
        runs.push(hit);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(runs[0].contains(&true) && runs[0].contains(&false));
    lambda.server.shutdown().await;
}
