//! One warm client per bucket, for the whole process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ClientOptions, ObjectStore};
use tokio::sync::Semaphore;
use url::Url;

use super::range_cache::RangeCache;
use super::s3_client::S3Client;
use super::{StorageSettings, StoreUrl};
use crate::error::{Error, ErrorCode, Result};

/// Clients of object storage, built when first asked for and kept; with them the bound on requests in flight.
pub struct ObjectStores {
    settings: StorageSettings,
    credentials: Option<AwsCredentialProvider>,
    clients: Mutex<HashMap<StoreUrl, Arc<dyn ObjectStore>>>,
    /// Of the clients that are S3's.
    signers: Mutex<HashMap<StoreUrl, Arc<dyn Signer>>>,
    in_flight: Arc<Semaphore>,
    cache: Option<Arc<RangeCache>>,
}

impl ObjectStores {
    pub fn new(settings: StorageSettings) -> Self {
        let in_flight = Arc::new(Semaphore::new(settings.max_in_flight.clamp(1, Semaphore::MAX_PERMITS)));
        let cache = (settings.cache_mib > 0).then(|| Arc::new(RangeCache::new(settings.cache_mib << 20)));
        Self { settings, credentials: None, clients: Mutex::default(), signers: Mutex::default(), in_flight, cache }
    }

    /// Signs with these credentials, instead of those of the environment.
    pub fn with_credentials(mut self, credentials: AwsCredentialProvider) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The bare client for a URL (its path does not matter). Fails with `InvalidArgument` for a scheme that is not known,
    /// or for settings that contradict each other; nothing is asked of the network.
    pub fn get(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        self.client(&StoreUrl::of(url)?)
    }

    /// Puts a store of the caller's own under a URL, instead of a client.
    pub fn insert(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Result<()> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner).insert(StoreUrl::of(url)?, store);
        Ok(())
    }

    /// A URL with which anybody may GET an object until it expires; `None` where the store is not S3.
    ///
    /// # Errors
    /// When there are no credentials to sign with.
    pub async fn signed_get(&self, url: &Url, path: &Path, valid: Duration) -> Result<Option<Url>> {
        let store = StoreUrl::of(url)?;
        self.client(&store)?;
        let signer = self.signers.lock().unwrap_or_else(PoisonError::into_inner).get(&store).cloned();
        match signer {
            Some(signer) => Ok(Some(signer.signed_url(Method::GET, path, valid).await?)),
            None => Ok(None),
        }
    }

    pub fn settings(&self) -> &StorageSettings {
        &self.settings
    }

    pub(super) fn client(&self, store: &StoreUrl) -> Result<Arc<dyn ObjectStore>> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(store) {
            return Ok(Arc::clone(client));
        }
        let client = self.build(store)?;
        clients.insert(store.clone(), Arc::clone(&client));
        Ok(client)
    }

    pub(super) fn in_flight(&self) -> Arc<Semaphore> {
        Arc::clone(&self.in_flight)
    }

    pub(super) fn cache(&self) -> Option<Arc<RangeCache>> {
        self.cache.clone()
    }

    fn build(&self, store: &StoreUrl) -> Result<Arc<dyn ObjectStore>> {
        match store.scheme() {
            "s3" => self.s3(store),
            "file" => Ok(Arc::new(LocalFileSystem::new())),
            other => Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("no object storage is known for {other}:// locations"),
            )
            .with_hint("use s3://bucket/prefix/ or a local path")),
        }
    }

    fn s3(&self, store: &StoreUrl) -> Result<Arc<dyn ObjectStore>> {
        let bucket = store.bucket();
        let settings = &self.settings;
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &settings.endpoint {
            builder = builder
                .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint)
                .with_config(AmazonS3ConfigKey::Endpoint, endpoint);
        }
        if let Some(credentials) = &self.credentials {
            builder = builder.with_credentials(Arc::clone(credentials));
        }
        let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint]
            .iter()
            .find_map(|key| builder.get_config_value(key));
        let plain_http = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
        let client = ClientOptions::new()
            .with_allow_http(plain_http)
            .with_timeout(settings.timeout)
            .with_connect_timeout(settings.connect_timeout)
            // A warm worker sleeps between invocations: a connection that was idle for long is probably dead.
            .with_pool_idle_timeout(Duration::from_secs(20));
        let client = S3Client::try_new(builder.with_client_options(client), &settings.retry).map_err(|error| {
            Error::new(ErrorCode::InvalidArgument, format!("cannot reach bucket {bucket}: {error}"))
                .with_hint("check the AWS_* environment variables and the storage settings")
        })?;
        let client = Arc::new(client);
        let signer = Arc::clone(&client) as Arc<dyn Signer>;
        self.signers.lock().unwrap_or_else(PoisonError::into_inner).insert(store.clone(), signer);
        Ok(client)
    }
}

impl fmt::Debug for ObjectStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStores").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_built_once() {
        let stores = ObjectStores::new(StorageSettings::default());
        let first = stores.get(&Url::parse("s3://bucket/a").unwrap()).unwrap();
        let second = stores.get(&Url::parse("s3a://bucket/b").unwrap()).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn an_unknown_scheme_says_what_is_known() {
        let stores = ObjectStores::new(StorageSettings::default());
        let error = stores.get(&Url::parse("gopher://host/a").unwrap()).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert!(error.message.contains("gopher"), "{error}");
    }
}
