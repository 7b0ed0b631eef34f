//! Sorts the errors of the call itself: no function ran, or nobody heard it.

use std::fmt;
use std::time::Duration;

use arachne_engine::invoker::InvokeError;
use arachne_engine::protocol::MAX_PAYLOAD_BYTES;
use aws_sdk_lambda::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::invoke::InvokeError as Api;

/// What was called, for messages.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) function: String,
    pub(super) region: String,
    pub(super) endpoint: Option<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Some(endpoint) => write!(f, "the lambda function {} at {endpoint}", self.function),
            None => write!(f, "the lambda function {} in {}", self.function, self.region),
        }
    }
}

pub(super) fn classify(error: &SdkError<Api>, target: &Target) -> InvokeError {
    match error {
        SdkError::ServiceError(context) => {
            let (api, status) = (context.err(), context.raw().status().as_u16());
            let retry_after = context.raw().headers().get("retry-after").and_then(|value| value.parse::<u64>().ok());
            let answer = ServiceAnswer {
                status,
                code: api.code().unwrap_or_default(),
                message: api.message().unwrap_or_default(),
                retry_after: retry_after.map(Duration::from_secs),
            };
            answer.classify(target)
        }
        SdkError::TimeoutError(_) => InvokeError::Timeout { detail: late(target), bill: None },
        SdkError::DispatchFailure(failure) => {
            let detail = DisplayErrorContext(error).to_string();
            if detail.contains("credential") {
                return no_credentials(target);
            }
            // The time to connect and the time to answer have separate limits, and only the latter was spent on work.
            if failure.is_timeout() && !detail.contains("connect timeout") {
                return InvokeError::Timeout { detail: late(target), bill: None };
            }
            let detail = format!("{target} cannot be reached: {}", innermost(error));
            // Such as an endpoint that is no URL.
            if failure.is_user() { permanent(detail) } else { unavailable(detail) }
        }
        SdkError::ResponseError(context) if context.raw().status().as_u16() == 429 => {
            InvokeError::Throttled { retry_after: None }
        }
        SdkError::ResponseError(_) => {
            InvokeError::Unavailable { detail: format!("{target} gave a broken answer: {}", innermost(error)) }
        }
        _ => {
            let detail = DisplayErrorContext(error).to_string();
            if detail.contains("credential") {
                no_credentials(target)
            } else {
                permanent(format!("{target} cannot be called: {detail}"))
            }
        }
    }
}

pub(super) fn request_too_large(size: usize) -> InvokeError {
    permanent(format!("a task request of {size} bytes is larger than lambda takes ({MAX_PAYLOAD_BYTES} bytes)"))
}

/// An error answer, taken apart.
struct ServiceAnswer<'a> {
    status: u16,
    code: &'a str,
    message: &'a str,
    retry_after: Option<Duration>,
}

impl ServiceAnswer<'_> {
    /// By code where the code says more than the status
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>).
    fn classify(&self, target: &Target) -> InvokeError {
        let Self { status, code, message, retry_after } = *self;
        match (status, code) {
            (429, _) | (_, "TooManyRequestsException" | "EC2ThrottledException" | "ThrottlingException") => {
                InvokeError::Throttled { retry_after }
            }
            (_, "ResourceNotFoundException") => permanent(format!(
                "{target} does not exist: deploy the program `bootstrap` under this name, or set compute.lambda.function and compute.lambda.region ({message})"
            )),
            (_, "RequestTooLargeException" | "SerializedRequestEntityTooLargeException") | (413, _) => {
                permanent(format!("a task request is larger than lambda takes: {message}"))
            }
            (_, "AccessDeniedException") => denied(format!(
                "these credentials may not call {target}: allow lambda:InvokeFunction for it ({message})"
            )),
            (401 | 403, _) => denied(format!("{target} refused the credentials: {code}: {message}")),
            // The function is being created or changed.
            (409, _)
            | (_, "ResourceNotReadyException" | "CodeArtifactUserPendingException" | "SnapStartNotReadyException") => {
                unavailable(format!("{target} is not ready: {code}: {message}"))
            }
            // 502, but wrong for good.
            (
                _,
                "InvalidZipFileException"
                | "InvalidRuntimeException"
                | "InvalidSubnetIDException"
                | "InvalidSecurityGroupIDException",
            )
            | (
                _,
                "KMSAccessDeniedException"
                | "KMSDisabledException"
                | "KMSInvalidStateException"
                | "KMSNotFoundException",
            ) => permanent(format!("{target} is broken: {code}: {message}")),
            (500.., _) => unavailable(format!("{target}: {code}: {message}")),
            _ => permanent(format!("{target} cannot be called: {code}: {message}")),
        }
    }
}

/// The last error of the chain is the one that names the cause.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn late(target: &Target) -> String {
    format!("{target} did not answer in time; lambda.request_timeout has to exceed the function's own timeout")
}

fn no_credentials(target: &Target) -> InvokeError {
    denied(format!(
        "no AWS credentials to call {target}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    ))
}

fn unavailable(detail: String) -> InvokeError {
    InvokeError::Unavailable { detail }
}

fn permanent(detail: String) -> InvokeError {
    InvokeError::Permanent { detail, permission_denied: false }
}

fn denied(detail: String) -> InvokeError {
    InvokeError::Permanent { detail, permission_denied: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classify(status: u16, code: &str) -> InvokeError {
        let target = Target { function: "f".to_owned(), region: "eu-central-1".to_owned(), endpoint: None };
        ServiceAnswer { status, code, message: "m", retry_after: Some(Duration::from_secs(2)) }.classify(&target)
    }

    #[test]
    fn throttling_carries_its_pause() {
        let throttled = InvokeError::Throttled { retry_after: Some(Duration::from_secs(2)) };
        assert_eq!(classify(429, "TooManyRequestsException"), throttled);
        assert_eq!(classify(429, ""), throttled);
        assert_eq!(classify(502, "EC2ThrottledException"), throttled);
    }

    #[test]
    fn what_may_pass_is_unavailable() {
        for (status, code) in [
            (500, "ServiceException"),
            (503, ""),
            (502, "ENILimitReachedException"),
            (409, "ResourceConflictException"),
            (502, "ResourceNotReadyException"),
        ] {
            assert!(matches!(classify(status, code), InvokeError::Unavailable { .. }), "{status} {code}");
        }
    }

    #[test]
    fn what_stays_wrong_is_permanent_and_says_what_to_do() {
        for (status, code, words, is_denied) in [
            (
                404,
                "ResourceNotFoundException",
                "the lambda function f in eu-central-1 does not exist: deploy the program",
                false,
            ),
            (403, "AccessDeniedException", "allow lambda:InvokeFunction", true),
            (403, "InvalidSignatureException", "refused the credentials", true),
            (400, "UnrecognizedClientException", "cannot be called", false),
            (413, "RequestTooLargeException", "larger than lambda takes", false),
            (502, "KMSDisabledException", "is broken", false),
            (400, "InvalidParameterValueException", "cannot be called", false),
        ] {
            let InvokeError::Permanent { detail, permission_denied } = classify(status, code) else { panic!("{code}") };
            assert!(detail.contains(words), "{detail}");
            assert_eq!(permission_denied, is_denied, "{code}");
        }
    }
}
