//! The AWS profile of a developer's machine, for object storage.
//!
//! The object store's own client reads environment variables and roles, but no `~/.aws` files and no SSO. Where those are what
//! there is, the AWS SDK's chain gives the credentials.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arachne_engine::{Error, ErrorCode};
use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_sdk_lambda::config::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_lambda::error::DisplayErrorContext;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

/// Credentials are renewed so long before they end.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// Credentials by the AWS SDK's chain, kept until shortly before they end.
#[derive(Debug)]
pub struct ProfileCredentials {
    provider: SharedCredentialsProvider,
    region: Option<String>,
    current: Mutex<Option<Current>>,
}

struct Current {
    credential: Arc<AwsCredential>,
    ends: Option<SystemTime>,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl ProfileCredentials {
    /// Reads the profile that `AWS_PROFILE` names, or the default one. `None` where it gives no credentials.
    pub async fn load() -> Option<Self> {
        let config = aws_config::defaults(BehaviorVersion::latest()).load().await;
        let region = config.region().map(ToString::to_string);
        Some(Self { provider: config.credentials_provider()?, region, current: Mutex::default() })
    }

    /// The region that the profile names.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

#[async_trait]
impl CredentialProvider for ProfileCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut current = self.current.lock().await;
        if let Some(known) = current.as_ref()
            && known.ends.is_none_or(|ends| ends > SystemTime::now() + RENEW_BEFORE)
        {
            return Ok(Arc::clone(&known.credential));
        }
        let fresh = self.provider.provide_credentials().await.map_err(no_credentials)?;
        let credential = Arc::new(AwsCredential {
            key_id: fresh.access_key_id().to_owned(),
            secret_key: fresh.secret_access_key().to_owned(),
            token: fresh.session_token().map(ToOwned::to_owned),
        });
        *current = Some(Current { credential: Arc::clone(&credential), ends: fresh.expiry() });
        Ok(credential)
    }
}

/// With the engine's own error inside, which comes out unchanged.
fn no_credentials(error: impl std::error::Error) -> object_store::Error {
    let error = Error::new(ErrorCode::PermissionDenied, format!("no AWS credentials found: {}", DisplayErrorContext(error)))
        .with_hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, choose a profile with AWS_PROFILE (after `aws sso login`, if it needs that), or run where a role is attached");
    object_store::Error::Unauthenticated { path: "the AWS profile".to_owned(), source: Box::new(error) }
}
