//! Who may do what: one key pair, and buckets that are closed for tests of "access denied".

use std::sync::{Arc, OnceLock};

use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

use super::server_conditions::S3Conditions;

/// The server's one key pair.
pub(crate) struct KeyPair {
    pub(crate) access_key: String,
    pub(crate) secret_key: SecretKey,
}

#[async_trait::async_trait]
impl S3Auth for KeyPair {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key != self.access_key {
            return Err(s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            ));
        }
        Ok(self.secret_key.clone())
    }
}

/// Refuses requests without a signature, and requests to denied buckets.
pub(crate) struct Access {
    pub(crate) conditions: Arc<S3Conditions>,
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let operation = cx.s3_op().name().to_owned();
        if let Some(cell) = cx.extensions_mut().get::<OperationName>() {
            cell.set(operation);
        }
        if cx.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "Access Denied: the request is not signed"));
        }
        match cx.s3_path().get_bucket_name() {
            Some(bucket) => self.conditions.check_bucket(bucket),
            None => Ok(()),
        }
    }
}

/// Carries the operation's name out of `s3s` (which alone knows it) to the request log.
#[derive(Clone, Default)]
pub(crate) struct OperationName(Arc<OnceLock<String>>);

impl OperationName {
    fn set(&self, name: String) {
        // The check runs once a request; a second name could only be the same.
        let _ = self.0.set(name);
    }

    pub(crate) fn get(&self) -> Option<String> {
        self.0.get().cloned()
    }
}
