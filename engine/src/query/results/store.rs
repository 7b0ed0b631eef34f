//! Where results lie.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use futures::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use url::Url;

use super::reader::{ResultFile, ResultPage};
use super::writer::ResultWriter;
use crate::error::{Error, ErrorCode, Result};
use crate::query::handle::ResultStream;
use crate::storage::{ObjectStores, StoreMeter, exchange_store};

/// A folder of results, by its URL.
#[derive(Debug, Clone)]
pub(in crate::query) struct ResultStore {
    stores: Arc<ObjectStores>,
    /// `s3://bucket/prefix/` or `file:///folder/`.
    location: Option<String>,
}

impl ResultStore {
    pub(in crate::query) fn new(stores: Arc<ObjectStores>, location: Option<String>) -> Self {
        Self { stores, location }
    }

    /// The URL that a query's result will have: at the workgroup's own place, or at everybody's.
    ///
    /// # Errors
    /// `InvalidArgument` when there is no place for results.
    pub(in crate::query) fn url_of(&self, own: Option<&str>, id: &str) -> Result<String> {
        let location = own.or(self.location.as_deref()).ok_or_else(|| {
            Error::new(ErrorCode::InvalidArgument, "there is no place to keep results in")
                .with_hint("set results.location (ARACHNE_RESULTS__LOCATION) to a folder or to s3://bucket/prefix/")
        })?;
        let slash = if location.ends_with('/') { "" } else { "/" };
        Ok(format!("{location}{slash}{id}.arrow"))
    }

    /// Begins a result; requests count for the query's meter.
    pub(in crate::query) fn write(
        &self,
        url: &str,
        schema: &SchemaRef,
        meter: Arc<StoreMeter>,
    ) -> Result<ResultWriter> {
        let (store, path) = self.object(url, meter)?;
        ResultWriter::try_new(store, path, schema)
    }

    /// # Errors
    /// `NotFound` when the object is gone.
    pub(in crate::query) async fn read(&self, url: &str, page: ResultPage) -> Result<ResultStream> {
        let (store, path) = self.object(url, Arc::default())?;
        ResultFile::open(store, path).await?.stream(page)
    }

    /// Signs a GET of a result. `None` for one that does not lie in S3.
    pub(in crate::query) async fn link(&self, url: &str, valid: Duration) -> Result<Option<Url>> {
        let parsed = Url::parse(url).map_err(|error| Error::internal(format!("{url} is not a URL: {error}")))?;
        let path = Path::from_url_path(parsed.path())
            .map_err(|error| Error::internal(format!("{url} is not a location: {error}")))?;
        self.stores.signed_get(&parsed, &path, valid).await
    }

    /// Looks whether the place for results answers; nothing is written.
    pub(in crate::query) async fn check(&self) -> Result<()> {
        let Some(location) = &self.location else { return Ok(()) };
        let (store, folder) = self.object(location, Arc::default())?;
        // A HEAD of an object would not tell a bucket that is missing.
        match store.list(Some(&folder)).next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(error.into()),
        }
    }

    /// What is not there counts as removed.
    pub(in crate::query) async fn remove(&self, url: &str) -> Result<()> {
        let (store, path) = self.object(url, Arc::default())?;
        match store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn object(&self, url: &str, meter: Arc<StoreMeter>) -> Result<(Arc<dyn ObjectStore>, Path)> {
        let wrong = |error: &dyn std::fmt::Display| {
            Error::new(ErrorCode::InvalidArgument, format!("the result location {url} is not a URL: {error}"))
                .with_hint("set results.location to a folder or to s3://bucket/prefix/")
        };
        let parsed = Url::parse(url).map_err(|error| wrong(&error))?;
        let path = Path::from_url_path(parsed.path()).map_err(|error| wrong(&error))?;
        Ok((exchange_store(&self.stores, &parsed, meter)?, path))
    }
}
