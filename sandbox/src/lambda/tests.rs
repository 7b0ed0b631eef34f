//! The local Lambda as the AWS SDK sees it, with a worker of its own (`testdata/lambda_worker.py`).

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{InvocationRecord, InvocationStatus, LambdaServer, LambdaServerSettings};

const SIX_MIB: usize = 6 * 1024 * 1024;

#[tokio::test]
async fn a_worker_is_started_once_and_stays_warm() {
    let lambda = Lambda::start().await;
    let first = lambda.call(json!({"op": "echo", "text": "Spinne ✓"})).await;
    let second = lambda.call(json!({"op": "echo"})).await;

    assert_eq!(first["event"]["text"], "Spinne ✓");
    assert_eq!((&first["invocations"], &second["invocations"]), (&json!(1), &json!(2)));
    assert_eq!(first["pid"], second["pid"]);
    let [cold, warm] = lambda.records().try_into().unwrap();
    assert!(cold.cold_start && cold.init.is_some() && !warm.cold_start && warm.init.is_none());
    assert!(cold.billed_ms as u128 >= cold.init.unwrap().as_millis());
    assert!(warm.bytes_out > warm.bytes_in && warm.max_memory_mb > 0);
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_worker_sees_lambdas_environment_and_nothing_of_ours() {
    let settings = LambdaServerSettings { env: vec![("RUST_LOG".to_owned(), "debug".to_owned())], ..settings() };
    let lambda = Lambda::start_with(settings).await;
    let answer = lambda.call(json!({"op": "environment"})).await;

    let environment = &answer["environment"];
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "arachne-worker");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "512");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_VERSION"], "$LATEST");
    assert_eq!(environment["AWS_REGION"], "us-east-1");
    assert_eq!(environment["RUST_LOG"], "debug");
    assert_eq!(environment["CARGO_MANIFEST_DIR"], Value::Null);
    let temp_dir = environment["TMPDIR"].as_str().unwrap().to_owned();
    assert!(std::path::Path::new(&temp_dir).is_dir());

    let headers = &answer["headers"];
    assert_eq!(
        headers["lambda-runtime-invoked-function-arn"],
        "arn:aws:lambda:us-east-1:000000000000:function:arachne-worker"
    );
    assert_eq!(headers["lambda-runtime-aws-request-id"], lambda.records()[0].request_id);
    let deadline: i64 = headers["lambda-runtime-deadline-ms"].as_str().unwrap().parse().unwrap();
    assert!(deadline > chrono::Utc::now().timestamp_millis());
    lambda.server.shutdown().await;
    assert!(!std::path::Path::new(&temp_dir).exists());
}

#[tokio::test]
async fn invocations_run_side_by_side_up_to_the_limit_and_429_beyond() {
    let lambda = Lambda::start_with(LambdaServerSettings { concurrency: 3, ..settings() }).await;
    let started = futures::future::join_all((0..3).map(|_| lambda.call(json!({"op": "sleep", "seconds": 1})))).await;
    let pids: HashSet<u64> = started.iter().map(|answer| answer["pid"].as_u64().unwrap()).collect();
    assert_eq!(pids.len(), 3);

    let (busy, fourth) = tokio::join!(
        futures::future::join_all((0..3).map(|_| lambda.call(json!({"op": "sleep", "seconds": 1})))),
        async {
            wait_until(|| lambda.server.workers().iter().filter(|worker| worker.busy).count() == 3).await;
            lambda.invoke(json!({})).await
        }
    );
    let again: HashSet<u64> = busy.iter().map(|answer| answer["pid"].as_u64().unwrap()).collect();
    assert_eq!(again, pids, "warm processes are used again");
    let InvokeError::TooManyRequestsException(error) = fourth.unwrap_err() else { panic!("not throttled") };
    assert_eq!(error.retry_after_seconds(), Some("1"));
    assert_eq!(error.reason().unwrap().as_str(), "ConcurrentInvocationLimitExceeded");
    assert_eq!(lambda.records().iter().filter(|record| record.status == InvocationStatus::Throttled).count(), 1);
    lambda.call(json!({})).await;
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_late_worker_is_killed_and_the_next_invocation_is_cold() {
    let lambda = Lambda::start_with(LambdaServerSettings { timeout: Duration::from_millis(500), ..settings() }).await;
    let output = lambda.invoke(json!({"op": "sleep", "seconds": 30})).await.unwrap();

    assert_eq!(output.function_error(), Some("Unhandled"));
    let message = body(&output)["errorMessage"].as_str().unwrap().to_owned();
    assert!(message.ends_with("Task timed out after 0.50 seconds"), "{message}");
    assert!(lambda.server.workers().is_empty());
    let report = report_line(&output);
    assert!(report.contains("\tDuration: 500.00 ms\t") && report.contains("\tStatus: timeout"), "{report}");
    lambda.call(json!({})).await;
    assert!(lambda.records()[1].cold_start);
    assert_eq!(lambda.records()[0].status, InvocationStatus::TimedOut);
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_crash_is_told_in_lambdas_words() {
    let lambda = Lambda::start().await;
    for (event, words) in [
        (json!({"op": "exit", "code": 7}), "Runtime exited with error: exit status 7"),
        (json!({"op": "exit", "code": 0}), "Runtime exited without providing a reason"),
        (json!({"op": "signal", "signal": 9}), "Runtime exited with error: signal: killed"),
        (json!({"op": "signal", "signal": 11}), "Runtime exited with error: signal: segmentation fault"),
    ] {
        let output = lambda.invoke(event).await.unwrap();
        assert_eq!(output.function_error(), Some("Unhandled"));
        assert_eq!(body(&output)["errorType"], "Runtime.ExitError");
        let request_id = lambda.records().pop().unwrap().request_id;
        assert_eq!(body(&output)["errorMessage"], format!("RequestId: {request_id} Error: {words}"));
        assert_eq!(lambda.records().last().unwrap().status, InvocationStatus::Crashed);
    }
    lambda.call(json!({})).await;
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_process_that_dies_while_idle_is_replaced_unnoticed() {
    let lambda = Lambda::start().await;
    let first = lambda.call(json!({})).await;
    let [worker] = lambda.server.workers().try_into().unwrap();
    assert!(!worker.busy);
    kill(worker.pid);
    let second = lambda.call(json!({})).await;
    assert_ne!(first["pid"], second["pid"]);
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_killed_worker_is_a_crash_of_its_invocation_only() {
    let lambda = Lambda::start().await;
    let (victim, survivor, ()) = tokio::join!(
        lambda.invoke(json!({"op": "sleep", "seconds": 3})),
        lambda.invoke(json!({"op": "sleep", "seconds": 3})),
        async {
            wait_until(|| lambda.server.workers().len() == 2).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            kill(lambda.server.workers()[0].pid);
        }
    );
    let errors = [victim.unwrap(), survivor.unwrap()].iter().filter(|output| output.function_error().is_some()).count();
    assert_eq!(errors, 1);
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_outgrows_its_memory_is_killed() {
    let lambda = Lambda::start_with(LambdaServerSettings { memory_mb: 128, ..settings() }).await;
    let output = lambda.invoke(json!({"op": "allocate", "mb": 300, "seconds": 30})).await.unwrap();

    assert_eq!(body(&output)["errorType"], "Runtime.ExitError");
    assert!(body(&output)["errorMessage"].as_str().unwrap().ends_with("signal: killed"));
    let report = report_line(&output);
    assert!(report.contains("\tMemory Size: 128 MB\tMax Memory Used: 128 MB\t"), "{report}");
    assert!(report.contains("Error Type: Runtime.OutOfMemory"), "{report}");
    assert_eq!(lambda.records()[0].status, InvocationStatus::OutOfMemory);
    let fits = lambda.call(json!({"op": "allocate", "mb": 10})).await;
    assert_eq!(fits["invocations"], 1);
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn payloads_are_limited_to_six_mib_both_ways() {
    let lambda = Lambda::start().await;
    let request = |size: usize| {
        let empty = json!({"op": "discard", "padding": ""}).to_string().len();
        json!({"op": "discard", "padding": "p".repeat(size - empty)})
    };
    let largest = lambda.call(request(SIX_MIB)).await;
    assert_eq!(largest["event"], Value::Null);
    let too_large = lambda.invoke(request(SIX_MIB + 1)).await.unwrap_err();
    assert!(matches!(too_large, InvokeError::RequestTooLargeException(_)), "{too_large:?}");

    let answer = lambda.call(json!({"answer_bytes": SIX_MIB - 10_000})).await;
    assert_eq!(answer["padding"].as_str().unwrap().len(), SIX_MIB - 10_000);
    let output = lambda.invoke(json!({"answer_bytes": SIX_MIB + 100})).await.unwrap();
    assert_eq!(output.function_error(), Some("Unhandled"));
    assert_eq!(body(&output)["errorType"], "Function.ResponseSizeTooLarge");
    assert_eq!(lambda.call(json!({})).await["pid"], answer["pid"], "the process lives on");
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn the_log_tail_holds_the_end_of_the_log() {
    let lambda = Lambda::start().await;
    let first = log_tail(&lambda.invoke(json!({"op": "echo"})).await.unwrap());
    let id = lambda.records()[0].request_id.clone();
    let lines: Vec<&str> = first.lines().collect();
    assert_eq!(lines[0], "initialised");
    assert_eq!(lines[1], format!("START RequestId: {id} Version: $LATEST"));
    assert_eq!(lines[2], "op echo");
    assert_eq!(lines[lines.len() - 2], format!("END RequestId: {id}"));
    assert!(lines[lines.len() - 1].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{first}");
    assert!(lines[lines.len() - 1].contains("\tInit Duration: "), "{first}");

    let second = lambda.invoke(json!({"op": "log", "bytes": 10_000})).await.unwrap();
    assert_eq!(log_tail(&second).len(), 4096);
    assert!(log_tail(&second).starts_with("yyyy") && !report_line(&second).contains("Init Duration"));
    let without = lambda.client.invoke().function_name("arachne-worker").send().await.unwrap();
    assert_eq!(without.log_result(), None);
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn an_error_reported_by_the_worker_is_passed_on() {
    let lambda = Lambda::start().await;
    let output = lambda.invoke(json!({"op": "error"})).await.unwrap();
    assert_eq!(output.function_error(), Some("Unhandled"));
    assert_eq!(body(&output), json!({"errorType": "Bad.Thing", "errorMessage": "as asked"}));
    assert_eq!(lambda.call(json!({})).await["invocations"], 2, "the process lives on");
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn a_failed_init_is_answered() {
    for (fail_init, error_type, words) in [
        ("report", "Config.Missing", "no configuration"),
        ("exit", "Runtime.ExitError", "exit status 3"),
        ("hang", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    ] {
        let lambda = Lambda::start_with(LambdaServerSettings {
            env: vec![("FAIL_INIT".to_owned(), fail_init.to_owned())],
            init_timeout: Duration::from_secs(if fail_init == "hang" { 1 } else { 30 }),
            ..settings()
        })
        .await;
        let output = lambda.invoke(json!({})).await.unwrap();
        assert_eq!(body(&output)["errorType"], error_type);
        assert!(body(&output)["errorMessage"].as_str().unwrap().ends_with(words), "{}", body(&output));
        wait_until(|| lambda.server.workers().is_empty()).await;
        lambda.server.shutdown().await;
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_answered() {
    let lambda =
        Lambda::start_with(LambdaServerSettings { command: vec!["/no/such/bootstrap".to_owned()], ..settings() }).await;
    let output = lambda.invoke(json!({})).await.unwrap();
    assert_eq!(body(&output)["errorType"], "Runtime.InvalidEntrypoint");
    assert!(body(&output)["errorMessage"].as_str().unwrap().contains("/no/such/bootstrap"));
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn functions_and_requests_that_do_not_exist_are_refused() {
    let lambda = Lambda::start().await;
    let invoke = |name: &str| lambda.client.invoke().function_name(name);
    for name in ["arachne-worker:$LATEST", "arn:aws:lambda:us-east-1:000000000000:function:arachne-worker"] {
        assert_eq!(invoke(name).send().await.unwrap().executed_version(), Some("$LATEST"));
    }
    for request in [invoke("other"), invoke("arachne-worker:blue"), invoke("arachne-worker").qualifier("7")] {
        let error = request.send().await.unwrap_err().into_service_error();
        assert!(matches!(error, InvokeError::ResourceNotFoundException(_)), "{error:?}");
    }
    let error = invoke("arachne-worker").payload(Blob::new("{no json")).send().await.unwrap_err().into_service_error();
    assert!(matches!(error, InvokeError::InvalidRequestContentException(_)), "{error:?}");
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn requests_need_the_right_credentials() {
    let lambda = Lambda::start().await;
    for (access_key, secret_key, code) in
        [("test", "wrong", "InvalidSignatureException"), ("other", "test", "UnrecognizedClientException")]
    {
        let client = client(&lambda.server, access_key, secret_key);
        let error = client.invoke().function_name("arachne-worker").send().await.unwrap_err().into_service_error();
        assert_eq!(error.code(), Some(code));
    }
    assert!(lambda.records().is_empty());
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn dry_runs_run_nothing_and_events_run_later() {
    let lambda = Lambda::start_with(LambdaServerSettings { concurrency: 1, ..settings() }).await;
    let invoke = |kind| lambda.client.invoke().function_name("arachne-worker").invocation_type(kind).send();
    assert_eq!(invoke(InvocationType::DryRun).await.unwrap().status_code(), 204);
    assert!(lambda.records().is_empty());
    for _ in 0..3 {
        assert_eq!(invoke(InvocationType::Event).await.unwrap().status_code(), 202);
    }
    wait_until(|| lambda.records().len() == 3).await;
    assert!(lambda.records().iter().all(|record| record.status == InvocationStatus::Ok));
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn the_function_can_be_looked_up() {
    let lambda = Lambda::start().await;
    let configuration =
        lambda.client.get_function_configuration().function_name("arachne-worker").send().await.unwrap();
    assert_eq!((configuration.memory_size(), configuration.timeout()), (Some(512), Some(60)));
    assert_eq!(lambda.client.list_functions().send().await.unwrap().functions().len(), 1);
    let error = lambda.client.get_function().function_name("other").send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_not_found_exception());
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn idle_processes_are_ended_after_a_while() {
    let lambda =
        Lambda::start_with(LambdaServerSettings { idle_timeout: Duration::from_millis(100), ..settings() }).await;
    lambda.call(json!({})).await;
    wait_until(|| lambda.server.workers().is_empty()).await;
    lambda.server.shutdown().await;
}

#[tokio::test]
async fn workers_die_with_the_server() {
    let lambda = Lambda::start().await;
    let (_, ()) = tokio::join!(lambda.invoke(json!({"op": "sleep", "seconds": 60})), async {
        wait_until(|| lambda.server.workers().len() == 1).await;
        let pid = lambda.server.workers()[0].pid;
        lambda.server.stop_and_wait().await;
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    });
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let without_command = LambdaServerSettings { command: Vec::new(), ..settings() };
    assert!(LambdaServer::start(without_command).await.is_err());
    assert!(LambdaServer::start(LambdaServerSettings { concurrency: 0, ..settings() }).await.is_err());
    let debug = format!("{:?}", LambdaServerSettings { secret_key: "hidden".to_owned(), ..settings() });
    assert!(!debug.contains("hidden"), "{debug}");
}

pub(super) struct Lambda {
    pub(super) server: LambdaServer,
    client: Client,
}

impl Lambda {
    pub(super) async fn start() -> Self {
        Self::start_with(settings()).await
    }

    pub(super) async fn start_with(settings: LambdaServerSettings) -> Self {
        let (access_key, secret_key) = (settings.access_key.clone(), settings.secret_key.clone());
        let server = LambdaServer::start(settings).await.unwrap();
        let client = client(&server, &access_key, &secret_key);
        Self { server, client }
    }

    pub(super) async fn invoke(&self, event: Value) -> Result<InvokeOutput, InvokeError> {
        let request = self.client.invoke().function_name("arachne-worker").log_type(LogType::Tail);
        request.payload(Blob::new(event.to_string())).send().await.map_err(|error| error.into_service_error())
    }

    /// The answer of an invocation that succeeds.
    pub(super) async fn call(&self, event: Value) -> Value {
        let output = self.invoke(event).await.unwrap();
        assert_eq!(output.function_error(), None, "{}", body(&output));
        body(&output)
    }

    pub(super) fn records(&self) -> Vec<InvocationRecord> {
        self.server.invocation_log()
    }
}

pub(super) fn settings() -> LambdaServerSettings {
    let worker = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/lambda_worker.py");
    LambdaServerSettings {
        command: vec!["python3".to_owned(), worker.to_owned()],
        memory_mb: 512,
        // Starting Python takes long on a machine that is busy with a build.
        init_timeout: Duration::from_secs(60),
        ..LambdaServerSettings::default()
    }
}

fn client(server: &LambdaServer, access_key: &str, secret_key: &str) -> Client {
    let config = aws_sdk_lambda::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.url())
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

pub(super) fn body(output: &InvokeOutput) -> Value {
    serde_json::from_slice(output.payload().unwrap().as_ref()).unwrap()
}

fn log_tail(output: &InvokeOutput) -> String {
    String::from_utf8(STANDARD.decode(output.log_result().unwrap()).unwrap()).unwrap()
}

pub(super) fn report_line(output: &InvokeOutput) -> String {
    log_tail(output).lines().find(|line| line.starts_with("REPORT ")).unwrap().to_owned()
}

fn kill(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    // Until the kernel has taken it away, it may still seem to be alive.
    while std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        std::thread::yield_now();
    }
}

pub(super) async fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("waited in vain");
}
