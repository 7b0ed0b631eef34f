//! Which function to call, and how.

use std::fmt;
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LambdaSettings {
    /// Name or ARN.
    pub function: String,
    /// Version or alias; `$LATEST` if not set.
    pub qualifier: Option<String>,
    /// The environment's or the profile's if not set.
    pub region: Option<String>,
    /// Another server of Lambda's API, such as the sandbox. `AWS_ENDPOINT_URL_LAMBDA` and `AWS_ENDPOINT_URL` do the same.
    pub endpoint: Option<String>,
    /// The SDK's usual chain (environment, profile, SSO, container, instance) if not set.
    pub credentials: Option<LambdaCredentials>,
    /// How long to wait for an answer. It has to exceed the function's own time-out, which can be 900 s: who hangs up
    /// earlier pays for an answer that nobody hears.
    pub request_timeout: Duration,
    pub connect_timeout: Duration,
}

impl Default for LambdaSettings {
    fn default() -> Self {
        Self {
            function: "arachne-worker".to_owned(),
            qualifier: None,
            region: None,
            endpoint: None,
            credentials: None,
            request_timeout: Duration::from_secs(910),
            connect_timeout: Duration::from_secs(5),
        }
    }
}

/// An access key, given instead of found.
#[derive(Clone, PartialEq, Eq)]
pub struct LambdaCredentials {
    pub access_key: String,
    pub secret_key: String,
}

/// The secret stays out of logs.
impl fmt::Debug for LambdaCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaCredentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}
