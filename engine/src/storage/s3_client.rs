//! One bucket of S3, through clients that suit what is asked of them.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use http::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{
    BackoffConfig, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, RetryConfig,
};

use url::Url;

use super::retry::{Repeat, RetrySettings};
use super::retry_after::{Listening, heeding};

/// Three clients with the same credentials.
///
/// Reads and whole PUTs go out once: who asks decides whether and when to ask again, and each request is counted. (The
/// library's own retry would join the rest of a broken body to its start without a look at what the second answer holds.)
/// Hedges have connections of their own, because a connection that is slow stays slow. The rest (listings, uploads in
/// parts, deletes) is retried by the library, request by request.
pub(super) struct S3Client {
    builder: AmazonS3Builder,
    patient: AmazonS3,
    once: AmazonS3,
    hedges: OnceLock<AmazonS3>,
}

impl S3Client {
    /// Fails when the settings contradict each other; nothing is asked of the network.
    pub(super) fn try_new(builder: AmazonS3Builder, retry: &RetrySettings) -> Result<Self> {
        let builder = builder.with_http_connector(Listening::default());
        let patient = builder.clone().with_retry(patience(retry)).build()?;
        // One cache of credentials: asking a metadata service is slow, and is retried as the patient client does.
        let builder = builder
            .with_credentials(Arc::clone(patient.credentials()))
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() });
        let once = builder.clone().build()?;
        Ok(Self { builder, patient, once, hedges: OnceLock::new() })
    }

    /// Built when first needed: most processes never hedge.
    fn hedges(&self) -> Result<&AmazonS3> {
        if let Some(built) = self.hedges.get() {
            return Ok(built);
        }
        let built = self.builder.clone().with_http_connector(Listening::default()).build()?;
        Ok(self.hedges.get_or_init(|| built))
    }
}

fn patience(retry: &RetrySettings) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: retry.base, max_backoff: retry.cap.max(retry.base), base: 2.0 },
        max_retries: retry.tries.saturating_sub(1) as usize,
        retry_timeout: Duration::from_secs(60),
    }
}

#[async_trait]
impl ObjectStore for S3Client {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match options.extensions.get::<Repeat>() {
            Some(Repeat::Hedge) => heeding(self.hedges()?.get_opts(location, options)).await,
            Some(Repeat::Retry) | None => heeding(self.once.get_opts(location, options)).await,
        }
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let client = if opts.mode == PutMode::Overwrite { &self.once } else { &self.patient };
        heeding(client.put_opts(location, payload, opts)).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.patient.put_multipart_opts(location, opts).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.patient.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.patient.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.patient.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.patient.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.patient.copy_opts(from, to, options).await
    }
}

#[async_trait]
impl Signer for S3Client {
    async fn signed_url(&self, method: Method, path: &Path, expires_in: Duration) -> Result<Url> {
        self.patient.signed_url(method, path, expires_in).await
    }
}

impl fmt::Debug for S3Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Client({})", self.patient)
    }
}

impl fmt::Display for S3Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.patient)
    }
}
