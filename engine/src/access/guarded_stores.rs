//! Object storage with nothing in it but what may be read.
//!
//! This is where a query's requests pass, whatever named the place: a table, a partition, a path in the SQL, a pattern. It looks at the
//! path of the request itself, so no way of writing a location gets around it. (A worker reads files that were listed here.)

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::stream::{self, BoxStream, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use url::Url;

use super::Access;
use super::locations::Prefix;
use crate::storage::StoreUrl;

/// The registry of a query whose stores are guarded.
#[derive(Debug)]
pub(super) struct GuardedStores {
    inner: Arc<dyn ObjectStoreRegistry>,
    access: Arc<Access>,
}

impl GuardedStores {
    pub(super) fn new(inner: Arc<dyn ObjectStoreRegistry>, access: Arc<Access>) -> Self {
        Self { inner, access }
    }
}

impl ObjectStoreRegistry for GuardedStores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.inner.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> DataFusionResult<Arc<dyn ObjectStore>> {
        let inner = self.inner.get_store(url)?;
        Ok(Arc::new(GuardedStore { inner, store: StoreUrl::of(url)?, access: Arc::clone(&self.access) }))
    }
}

struct GuardedStore {
    inner: Arc<dyn ObjectStore>,
    store: StoreUrl,
    access: Arc<Access>,
}

impl GuardedStore {
    fn check(&self, path: &Path) -> Result<()> {
        let place = Prefix::new(self.store.clone(), path.clone());
        self.access
            .locations
            .check(&place)
            .map_err(|error| object_store::Error::Generic { store: "guarded", source: Box::new(error) })
    }

    fn check_below(&self, prefix: Option<&Path>) -> Result<()> {
        self.check(prefix.unwrap_or(&Path::default()))
    }
}

#[async_trait]
impl ObjectStore for GuardedStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.check(location)?;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.check(location)?;
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.check(location)?;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.check(location)?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (store, access) = (self.store.clone(), Arc::clone(&self.access));
        let checked = locations.map(move |location| {
            let location = location?;
            let place = Prefix::new(store.clone(), location.clone());
            let checked = access.locations.check(&place);
            checked.map_err(|error| object_store::Error::Generic { store: "guarded", source: Box::new(error) })?;
            Ok(location)
        });
        self.inner.delete_stream(checked.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.check_below(prefix) {
            Ok(()) => self.inner.list(prefix),
            Err(error) => refused(error),
        }
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.check_below(prefix) {
            Ok(()) => self.inner.list_with_offset(prefix, offset),
            Err(error) => refused(error),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.check_below(prefix)?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.check(from)?;
        self.check(to)?;
        self.inner.copy_opts(from, to, options).await
    }
}

fn refused(error: object_store::Error) -> BoxStream<'static, Result<ObjectMeta>> {
    stream::iter([Err(error)]).boxed()
}

impl fmt::Debug for GuardedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuardedStore({})", self.inner)
    }
}

impl fmt::Display for GuardedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}
