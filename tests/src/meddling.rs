//! A store in which an object is replaced at the worst moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Passes everything on, but puts another version of `key` just before its `nth` read (counted from 1; a HEAD is none).
#[derive(Debug)]
pub struct ReplacedWhileRead {
    inner: Arc<dyn ObjectStore>,
    key: Path,
    replacement: Bytes,
    nth: usize,
    reads: AtomicUsize,
}

impl ReplacedWhileRead {
    pub fn new(inner: Arc<dyn ObjectStore>, key: &str, replacement: Bytes, nth: usize) -> Self {
        Self { inner, key: Path::from(key), replacement, nth, reads: AtomicUsize::new(0) }
    }

    /// Whether it has happened.
    pub fn is_replaced(&self) -> bool {
        self.reads.load(SeqCst) >= self.nth
    }
}

impl fmt::Display for ReplacedWhileRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} replaced", self.inner, self.key)
    }
}

#[async_trait]
impl ObjectStore for ReplacedWhileRead {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if *location == self.key && !options.head && self.reads.fetch_add(1, SeqCst) + 1 == self.nth {
            self.inner.put(&self.key, self.replacement.clone().into()).await?;
        }
        self.inner.get_opts(location, options).await
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
