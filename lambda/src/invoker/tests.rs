//! The invoker against the local Lambda, whose worker is the sandbox's test program.

use std::collections::HashSet;
use std::time::Duration;

use arachne_engine::invoker::{InvocationReply, InvokeError, WorkerInvoker};
use arachne_engine::protocol::MAX_PAYLOAD_BYTES;
use arachne_sandbox::lambda::{LambdaServer, LambdaServerSettings};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{AwsInvoker, LambdaCredentials, LambdaSettings};

#[tokio::test]
async fn an_answer_comes_with_its_bill() {
    let (server, invoker) = start(server_settings()).await;
    let cold = invoke(&invoker, json!({"op": "echo", "text": "✓"})).await.unwrap();
    let warm = invoke(&invoker, json!({"op": "echo"})).await.unwrap();

    let answer: Value = serde_json::from_slice(&cold.payload).unwrap();
    assert_eq!(answer["event"]["text"], "✓");
    let log = server.invocation_log();
    for (reply, record) in [(&cold, &log[0]), (&warm, &log[1])] {
        assert_eq!(reply.bill.billed, Duration::from_millis(record.billed_ms));
        assert_eq!(reply.bill.memory_mb, 512);
        assert_eq!(reply.bill.max_memory_used_mb, Some(record.max_memory_mb));
        assert_eq!(reply.bill.init.is_some(), record.cold_start);
    }
    assert!(cold.bill.gb_seconds() > warm.bill.gb_seconds());
    server.shutdown().await;
}

#[tokio::test]
async fn many_invocations_run_at_once() {
    let (server, invoker) = start(LambdaServerSettings { concurrency: 12, ..server_settings() }).await;
    let calls = (0..12).map(|_| invoke(&invoker, json!({"op": "sleep", "seconds": 2})));
    let mut pids = HashSet::new();
    for reply in futures::future::join_all(calls).await {
        let answer: Value = serde_json::from_slice(&reply.unwrap().payload).unwrap();
        pids.insert(answer["pid"].as_u64().unwrap());
    }
    assert_eq!(pids.len(), 12);
    server.shutdown().await;
}

#[tokio::test]
async fn each_way_to_fail_is_told_apart() {
    let settings = LambdaServerSettings { timeout: Duration::from_secs(2), memory_mb: 128, ..server_settings() };
    let (server, invoker) = start(settings).await;

    let late = invoke(&invoker, json!({"op": "sleep", "seconds": 60})).await.unwrap_err();
    let InvokeError::Timeout { detail, bill: Some(bill) } = late else { panic!("{late:?}") };
    assert!(detail.contains("Task timed out after 2.00 seconds") && bill.billed >= Duration::from_secs(2));

    let crash = invoke(&invoker, json!({"op": "exit", "code": 7})).await.unwrap_err();
    let InvokeError::Crashed { detail, bill: Some(_) } = crash else { panic!("{crash:?}") };
    assert!(detail.contains("exit status 7"), "{detail}");

    let killed = invoke(&invoker, json!({"op": "signal", "signal": 9})).await.unwrap_err();
    assert!(matches!(killed, InvokeError::Crashed { .. }), "{killed:?}");

    let large = invoke(&invoker, json!({"op": "allocate", "mb": 300, "seconds": 30})).await.unwrap_err();
    assert!(matches!(large, InvokeError::OutOfMemory { memory_mb: 128, bill: Some(_) }), "{large:?}");

    let error = invoke(&invoker, json!({"op": "error"})).await.unwrap_err();
    assert_eq!(error.to_string(), "the worker crashed: Bad.Thing: as asked");
    server.shutdown().await;
}

#[tokio::test]
async fn payloads_above_six_mib_are_permanent_errors() {
    let (server, invoker) = start(server_settings()).await;
    let request = invoker.invoke(Bytes::from(vec![b'1'; MAX_PAYLOAD_BYTES + 1])).await.unwrap_err();
    assert!(
        matches!(&request, InvokeError::Permanent { detail, .. } if detail.contains("6291457 bytes")),
        "{request:?}"
    );
    let answer = invoke(&invoker, json!({"answer_bytes": MAX_PAYLOAD_BYTES + 100})).await.unwrap_err();
    assert!(
        matches!(&answer, InvokeError::Permanent { detail, .. } if detail.contains("larger than lambda allows")),
        "{answer:?}"
    );
    server.shutdown().await;
}

#[tokio::test]
async fn throttling_is_not_retried_here() {
    let (server, invoker) = start(LambdaServerSettings { concurrency: 1, ..server_settings() }).await;
    let (first, second) = tokio::join!(invoke(&invoker, json!({"op": "sleep", "seconds": 2})), async {
        while server.workers().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        invoke(&invoker, json!({})).await
    });
    first.unwrap();
    assert_eq!(second.unwrap_err(), InvokeError::Throttled { retry_after: Some(Duration::from_secs(1)) });
    assert_eq!(server.invocation_log().len(), 2);
    server.shutdown().await;
}

#[tokio::test]
async fn wrong_names_and_credentials_are_permanent_errors() {
    let server = LambdaServer::start(server_settings()).await.unwrap();
    let unknown = invoker_for(&server, |settings| settings.function = "other".to_owned()).await;
    let error = invoke(&unknown, json!({})).await.unwrap_err();
    assert!(
        matches!(&error, InvokeError::Permanent { detail, permission_denied: false } if detail.contains("does not exist")),
        "{error:?}"
    );

    let wrong_key = LambdaCredentials { access_key: "test".to_owned(), secret_key: "wrong".to_owned() };
    let stranger = invoker_for(&server, |settings| settings.credentials = Some(wrong_key)).await;
    let error = invoke(&stranger, json!({})).await.unwrap_err();
    assert!(matches!(&error, InvokeError::Permanent { permission_denied: true, .. }), "{error:?}");
    server.shutdown().await;
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unavailable() {
    let (server, invoker) = start(server_settings()).await;
    server.shutdown().await;
    let error = invoke(&invoker, json!({})).await.unwrap_err();
    assert!(matches!(&error, InvokeError::Unavailable { detail } if detail.contains("cannot be reached")), "{error:?}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let nameless = LambdaSettings { function: String::new(), ..LambdaSettings::default() };
    assert!(AwsInvoker::new(nameless).await.unwrap_err().hint.is_some());
    let no_url = LambdaSettings { endpoint: Some("localhost:9000".to_owned()), ..LambdaSettings::default() };
    assert!(AwsInvoker::new(no_url).await.unwrap_err().message.contains("localhost:9000"));
}

#[tokio::test]
async fn waiting_ends_at_the_request_timeout() {
    let server = LambdaServer::start(server_settings()).await.unwrap();
    let hasty = invoker_for(&server, |settings| settings.request_timeout = Duration::from_millis(300)).await;
    let error = invoke(&hasty, json!({"op": "sleep", "seconds": 30})).await.unwrap_err();
    assert!(matches!(&error, InvokeError::Timeout { bill: None, .. }), "{error:?}");
    server.shutdown().await;
}

async fn start(settings: LambdaServerSettings) -> (LambdaServer, AwsInvoker) {
    let server = LambdaServer::start(settings).await.unwrap();
    let invoker = invoker_for(&server, |_| {}).await;
    (server, invoker)
}

async fn invoker_for(server: &LambdaServer, change: impl FnOnce(&mut LambdaSettings)) -> AwsInvoker {
    let mut settings = LambdaSettings {
        region: Some("us-east-1".to_owned()),
        endpoint: Some(server.url()),
        credentials: Some(LambdaCredentials { access_key: "test".to_owned(), secret_key: "test".to_owned() }),
        ..LambdaSettings::default()
    };
    change(&mut settings);
    AwsInvoker::new(settings).await.unwrap()
}

fn server_settings() -> LambdaServerSettings {
    let worker = concat!(env!("CARGO_MANIFEST_DIR"), "/../sandbox/testdata/lambda_worker.py");
    LambdaServerSettings {
        command: vec!["python3".to_owned(), worker.to_owned()],
        memory_mb: 512,
        init_timeout: Duration::from_secs(60),
        ..LambdaServerSettings::default()
    }
}

async fn invoke(invoker: &AwsInvoker, event: Value) -> Result<InvocationReply, InvokeError> {
    invoker.invoke(Bytes::from(event.to_string())).await
}
