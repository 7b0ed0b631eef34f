//! Sorts the function errors: the service worked, the function gave no answer.

use arachne_engine::invoker::{Bill, InvokeError};
use serde::Deserialize;

use crate::handler::NOT_A_TASK;

/// The body of an answer with `X-Amz-Function-Error`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    error_type: String,
    error_message: String,
}

pub(super) fn classify(payload: &[u8], bill: Option<Bill>) -> InvokeError {
    let Ok(Body { error_type, error_message }) = serde_json::from_slice(payload) else {
        let detail = format!("it answered {}", String::from_utf8_lossy(&payload[..payload.len().min(200)]));
        return InvokeError::Crashed { detail, bill };
    };
    if error_type == "Sandbox.Timedout" || error_message.contains("Task timed out after") {
        return InvokeError::Timeout { detail: error_message, bill };
    }
    let detail = match error_type.as_str() {
        // Nobody but the worker itself says so.
        NOT_A_TASK => {
            return permanent(format!("the lambda function does not understand this coordinator: {error_message}"));
        }
        "Function.ResponseSizeTooLarge" => {
            return permanent(format!("a worker's answer is larger than lambda allows: {error_message}"));
        }
        "Runtime.InvalidEntrypoint" => {
            return permanent(format!(
                "the lambda function's program cannot be started; deploy it again, built for the function's architecture: {error_message}"
            ));
        }
        "Runtime.OutOfMemory" => return out_of_memory(bill),
        "Runtime.ExitError" if error_message.contains("signal: killed") && has_used_all_memory(bill) => {
            return out_of_memory(bill);
        }
        "" => error_message,
        error_type => format!("{error_type}: {error_message}"),
    };
    InvokeError::Crashed { detail, bill }
}

/// Lambda kills for memory without another word; the report shows why.
fn has_used_all_memory(bill: Option<Bill>) -> bool {
    bill.is_some_and(|bill| bill.max_memory_used_mb.is_some_and(|used| used >= bill.memory_mb))
}

fn out_of_memory(bill: Option<Bill>) -> InvokeError {
    InvokeError::OutOfMemory { memory_mb: bill.map_or(0, |bill| bill.memory_mb), bill }
}

fn permanent(detail: String) -> InvokeError {
    InvokeError::Permanent { detail, permission_denied: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bill(used: u64) -> Option<Bill> {
        Some(Bill { memory_mb: 512, max_memory_used_mb: Some(used), ..Bill::default() })
    }

    #[test]
    fn both_forms_of_a_timeout_are_one() {
        let old = br#"{"errorMessage":"2026-11-22T15:00:00.000Z 5a-1 Task timed out after 3.00 seconds"}"#;
        let new = br#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 5a-1 Error: Task timed out after 3.00 seconds"}"#;
        for body in [&old[..], &new[..]] {
            assert!(matches!(classify(body, bill(9)), InvokeError::Timeout { bill: Some(_), .. }));
        }
    }

    #[test]
    fn killed_is_out_of_memory_only_when_memory_was_used_up() {
        let killed = br#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 5a Error: Runtime exited with error: signal: killed"}"#;
        assert_eq!(classify(killed, bill(512)), InvokeError::OutOfMemory { memory_mb: 512, bill: bill(512) });
        assert!(matches!(classify(killed, bill(100)), InvokeError::Crashed { .. }));
        assert!(matches!(classify(killed, None), InvokeError::Crashed { .. }));
    }

    #[test]
    fn what_another_attempt_cannot_help_is_permanent() {
        for error_type in [NOT_A_TASK, "Function.ResponseSizeTooLarge", "Runtime.InvalidEntrypoint"] {
            let body = format!(r#"{{"errorType":"{error_type}","errorMessage":"why"}}"#);
            let InvokeError::Permanent { detail, permission_denied: false } = classify(body.as_bytes(), None) else {
                panic!("{error_type}")
            };
            assert!(detail.ends_with(": why"));
        }
    }

    #[test]
    fn everything_else_is_a_crash_that_says_what_was_said() {
        let panic = br#"{"errorType":"&str","errorMessage":"Lambda panicked: x"}"#;
        assert_eq!(classify(panic, None).to_string(), "the worker crashed: &str: Lambda panicked: x");
        assert_eq!(classify(b"oops", None).to_string(), "the worker crashed: it answered oops");
    }
}
