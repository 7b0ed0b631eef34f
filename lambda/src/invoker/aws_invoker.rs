//! One task, one invocation.

use arachne_engine::invoker::{InvocationReply, InvokeError, WorkerInvoker};
use arachne_engine::protocol::MAX_PAYLOAD_BYTES;
use arachne_engine::{Error, ErrorCode};
use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{Credentials, Region, StalledStreamProtectionConfig};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{InvocationType, LogType};
use bytes::Bytes;

use super::function_error;
use super::report::bill_from_log;
use super::service_error::{self, Target};
use super::settings::LambdaSettings;

/// Calls one function. Cheap to share; connections are kept and there is no limit on their number: the scheduler decides how
/// many invocations are under way, and each needs a connection (and a file descriptor) of its own.
#[derive(Debug)]
pub struct AwsInvoker {
    client: Client,
    qualifier: Option<String>,
    target: Target,
}

impl AwsInvoker {
    /// Finds region and credentials as the settings and the environment say; calls nothing yet.
    ///
    /// # Errors
    /// When the function has no name, the endpoint is not a URL, or no region is set anywhere.
    pub async fn new(settings: LambdaSettings) -> Result<Self, Error> {
        if settings.function.is_empty() {
            return Err(Error::new(ErrorCode::InvalidArgument, "no lambda function is named")
                .with_hint("set compute.lambda.function (ARACHNE_COMPUTE__LAMBDA__FUNCTION)"));
        }
        if let Some(endpoint) =
            settings.endpoint.as_deref().filter(|it| !it.starts_with("http://") && !it.starts_with("https://"))
        {
            return Err(Error::new(ErrorCode::InvalidArgument, format!("the lambda endpoint {endpoint} is not a URL"))
                .with_hint("set lambda.endpoint to http://HOST:PORT, or leave it out to use AWS"));
        }
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.request_timeout)
            // Until the answer is read to its end.
            .operation_attempt_timeout(settings.request_timeout + settings.connect_timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            // A worker is silent until it is done, for minutes.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(region) = settings.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = settings.credentials {
            let (access_key, secret_key) = (credentials.access_key, credentials.secret_key);
            loader = loader.credentials_provider(Credentials::new(access_key, secret_key, None, None, "arachne"));
        }
        let config = loader.load().await;
        let Some(region) = config.region() else {
            return Err(Error::new(ErrorCode::InvalidArgument, "no AWS region is set for the lambda function")
                .with_hint("set AWS_REGION, the region of your AWS profile, or compute.lambda.region"));
        };
        let target = Target { function: settings.function, region: region.to_string(), endpoint: settings.endpoint };
        Ok(Self { client: Client::new(&config), qualifier: settings.qualifier, target })
    }
}

#[async_trait]
impl WorkerInvoker for AwsInvoker {
    async fn invoke(&self, payload: Bytes) -> Result<InvocationReply, InvokeError> {
        if payload.len() > MAX_PAYLOAD_BYTES {
            return Err(service_error::request_too_large(payload.len()));
        }
        let output = self
            .client
            .invoke()
            .function_name(&self.target.function)
            .set_qualifier(self.qualifier.clone())
            .invocation_type(InvocationType::RequestResponse)
            .log_type(LogType::Tail)
            .payload(Blob::new(payload))
            .send()
            .await
            .map_err(|error| service_error::classify(&error, &self.target))?;

        let bill = output.log_result.as_deref().and_then(bill_from_log);
        let payload = Bytes::from(output.payload.map(Blob::into_inner).unwrap_or_default());
        match output.function_error {
            Some(_) => Err(function_error::classify(&payload, bill)),
            // Only emulators leave the report out.
            None => Ok(InvocationReply { payload, bill: bill.unwrap_or_default() }),
        }
    }
}
