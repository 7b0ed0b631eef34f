//! The ways in which an invocation fails although the service worked, with the bodies that Lambda answers.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::invocation_log::InvocationStatus;

/// What a worker may answer at most: 6 MiB and 100 bytes, as Lambda's own message says.
pub(super) const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024 + 100;

/// A "function error": HTTP 200 with `X-Amz-Function-Error`.
#[derive(Debug)]
pub(super) enum Failure {
    /// The worker told the Runtime API so; its own words.
    Reported(Bytes),
    /// The process could not be started.
    InvalidEntrypoint(String),
    InitTimedOut(Duration),
    TimedOut(Duration),
    Exited(ExitStatus),
    OutOfMemory,
    ResponseTooLarge,
}

impl Failure {
    /// The JSON that the caller gets.
    pub(super) fn body(&self, request_id: &str, now: DateTime<Utc>) -> Bytes {
        let body = match self {
            Self::Reported(body) => return body.clone(),
            Self::TimedOut(_) => json!({"errorMessage": self.log_line(request_id, now)}),
            Self::InvalidEntrypoint(_) | Self::InitTimedOut(_) | Self::Exited(_) | Self::OutOfMemory => {
                json!({"errorType": self.error_type(), "errorMessage": self.log_line(request_id, now)})
            }
            Self::ResponseTooLarge => json!({
                "errorType": self.error_type(),
                "errorMessage": format!("Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."),
            }),
        };
        Bytes::from(body.to_string())
    }

    /// What the log says about it, without the newline. Empty where the worker's own log has to do.
    pub(super) fn log_line(&self, request_id: &str, now: DateTime<Utc>) -> String {
        match self {
            Self::Reported(_) | Self::ResponseTooLarge => String::new(),
            Self::InvalidEntrypoint(reason) => format!("RequestId: {request_id} Error: {reason}"),
            Self::InitTimedOut(limit) => {
                format!("RequestId: {request_id} Error: Task timed out after {:.2} seconds", limit.as_secs_f64())
            }
            Self::TimedOut(limit) => {
                let now = now.to_rfc3339_opts(SecondsFormat::Millis, true);
                format!("{now} {request_id} Task timed out after {:.2} seconds", limit.as_secs_f64())
            }
            Self::Exited(status) => format!("RequestId: {request_id} Error: {}", describe_exit(*status)),
            Self::OutOfMemory => format!("RequestId: {request_id} Error: Runtime exited with error: signal: killed"),
        }
    }

    /// The `Status` (and `Error Type`) at the end of the REPORT line.
    pub(super) fn report_status(&self) -> String {
        match self {
            Self::TimedOut(_) | Self::InitTimedOut(_) => "Status: timeout".to_owned(),
            Self::Reported(_) | Self::InvalidEntrypoint(_) | Self::Exited(_) | Self::ResponseTooLarge => {
                format!("Status: error\tError Type: {}", self.error_type())
            }
            Self::OutOfMemory => "Status: error\tError Type: Runtime.OutOfMemory".to_owned(),
        }
    }

    pub(super) fn status(&self) -> InvocationStatus {
        match self {
            Self::Reported(_) => InvocationStatus::FunctionError,
            Self::InvalidEntrypoint(_) | Self::InitTimedOut(_) => InvocationStatus::InitFailed,
            Self::TimedOut(_) => InvocationStatus::TimedOut,
            Self::Exited(_) => InvocationStatus::Crashed,
            Self::OutOfMemory => InvocationStatus::OutOfMemory,
            Self::ResponseTooLarge => InvocationStatus::ResponseTooLarge,
        }
    }

    fn error_type(&self) -> String {
        match self {
            Self::Reported(body) => reported_type(body),
            Self::InvalidEntrypoint(_) => "Runtime.InvalidEntrypoint".to_owned(),
            Self::TimedOut(_) | Self::InitTimedOut(_) => "Sandbox.Timedout".to_owned(),
            Self::Exited(_) | Self::OutOfMemory => "Runtime.ExitError".to_owned(),
            Self::ResponseTooLarge => "Function.ResponseSizeTooLarge".to_owned(),
        }
    }
}

fn reported_type(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body["errorType"].as_str().unwrap_or("Unhandled").to_owned()
}

/// In the words of Lambda's runtime supervisor, which is written in Go.
fn describe_exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => format!("Runtime exited with error: {}", signal_name(signal)),
        (None, None) => "Runtime exited with error: unknown".to_owned(),
    }
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        2 => "interrupt",
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        15 => "terminated",
        other => return format!("signal: signal {other}"),
    };
    format!("signal: {name}")
}
