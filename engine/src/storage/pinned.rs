//! One query reads one version of an object, or fails.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::StoreUrl;
use super::exact::changed;
use crate::error::Error;
use crate::protocol::FilePin;

/// The ETags that a query was planned on. It grows while tables are listed; the first version seen of an object stays,
/// so that an object listed twice with a write in between is an error and not a mix.
#[derive(Debug, Default)]
pub struct Pins {
    tags: RwLock<HashMap<StoreUrl, HashMap<Path, Arc<str>>>>,
}

impl Pins {
    /// From the pins of a task. Fails where a pin is not a store and a key.
    pub fn new(pins: Vec<FilePin>) -> crate::error::Result<Self> {
        let all = Self::default();
        all.extend(&pins)?;
        Ok(all)
    }

    /// Adds the pins of a task. Fails where a pin is not a store and a key.
    pub fn extend(&self, pins: &[FilePin]) -> crate::error::Result<()> {
        for pin in pins {
            let (scheme, bucket) = pin.store.split_once("://").unwrap_or(("", &pin.store));
            let path = Path::parse(&pin.path).map_err(|error| Error::internal(error.to_string()))?;
            self.pin(&StoreUrl::new(scheme, bucket.trim_end_matches('/'))?, &path, &pin.e_tag);
        }
        Ok(())
    }

    pub fn pin(&self, store: &StoreUrl, path: &Path, e_tag: &str) {
        let mut tags = self.tags.write().unwrap_or_else(PoisonError::into_inner);
        tags.entry(store.clone()).or_default().entry(path.clone()).or_insert_with(|| e_tag.into());
    }

    /// Pins what a listing found.
    pub fn pin_listed(&self, store: &StoreUrl, object: &ObjectMeta) {
        if let Some(e_tag) = &object.e_tag {
            self.pin(store, &object.location, e_tag);
        }
    }

    pub fn get(&self, store: &StoreUrl, path: &Path) -> Option<Arc<str>> {
        self.tags.read().unwrap_or_else(PoisonError::into_inner).get(store)?.get(path).cloned()
    }

    /// Store and tag of the one pinned object of this key; `None` when no store or several stores hold one.
    pub(super) fn only(&self, path: &Path) -> Option<(StoreUrl, Arc<str>)> {
        let tags = self.tags.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = tags.iter().filter_map(|(store, keys)| Some((store.clone(), Arc::clone(keys.get(path)?))));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }
}

/// The version of every file that a plan scans, once per file; files whose store gave no ETag are left out.
pub fn pins_of(plan: &Arc<dyn ExecutionPlan>) -> Vec<FilePin> {
    let mut pins = HashMap::new();
    // The closure cannot fail, so neither does the walk.
    let _ = plan.apply(|node| {
        let scan = node.downcast_ref::<DataSourceExec>();
        if let Some(scan) = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>()) {
            let store = scan.object_store_url.as_str().trim_end_matches('/');
            let store = if store == "file:" { "file://" } else { store };
            for file in scan.file_groups.iter().flat_map(|group| group.iter()) {
                let object = &file.object_meta;
                if let Some(e_tag) = &object.e_tag {
                    let key = (store.to_owned(), object.location.to_string());
                    pins.entry(key).or_insert_with(|| e_tag.clone());
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    let mut pins: Vec<_> = pins.into_iter().map(|((store, path), e_tag)| FilePin { store, path, e_tag }).collect();
    pins.sort_by(|a, b| (&a.store, &a.path).cmp(&(&b.store, &b.path)));
    pins
}

/// Asks for a pinned object with `If-Match`, so that S3 itself refuses another version.
pub struct Pinned {
    inner: Arc<dyn ObjectStore>,
    store: StoreUrl,
    pins: Arc<Pins>,
}

impl Pinned {
    pub fn new(inner: Arc<dyn ObjectStore>, store: StoreUrl, pins: Arc<Pins>) -> Self {
        Self { inner, store, pins }
    }

    fn changed(&self, path: &Path, how: &str) -> StoreError {
        changed(&self.store.object(path), how)
    }
}

#[async_trait]
impl ObjectStore for Pinned {
    async fn get_opts(&self, location: &Path, mut options: GetOptions) -> Result<GetResult> {
        let pin = self.pins.get(&self.store, location);
        let pinned = pin.is_some() && !options.head && options.if_match.is_none();
        if pinned {
            options.if_match = pin.map(|e_tag| e_tag.to_string());
        }
        match self.inner.get_opts(location, options).await {
            Err(StoreError::Precondition { .. }) if pinned => Err(self.changed(location, "changed")),
            Err(StoreError::NotFound { .. }) if pinned => Err(self.changed(location, "was deleted")),
            other => other,
        }
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pinned({:?})", self.inner)
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;
    use crate::error::ErrorCode;

    async fn pinned(path: &Path) -> (Pinned, Arc<InMemory>) {
        let memory = Arc::new(InMemory::new());
        memory.put(path, "one".into()).await.unwrap();
        let store = StoreUrl::new("s3", "b").unwrap();
        let pins = Arc::new(Pins::default());
        pins.pin_listed(&store, &memory.head(path).await.unwrap());
        (Pinned::new(memory.clone(), store, pins), memory)
    }

    #[tokio::test]
    async fn an_object_that_changed_is_invalid_data() {
        let path = Path::from("t/a.parquet");
        let (store, memory) = pinned(&path).await;
        assert_eq!(store.get_range(&path, 0..3).await.unwrap(), "one");
        memory.put(&path, "two".into()).await.unwrap();
        let error = Error::from(store.get_range(&path, 0..3).await.unwrap_err());
        assert_eq!(error.code, ErrorCode::InvalidData);
        assert_eq!(error.message, "s3://b/t/a.parquet changed while the query was reading it");
    }

    #[tokio::test]
    async fn an_object_that_is_gone_is_invalid_data() {
        let path = Path::from("t/a.parquet");
        let (store, memory) = pinned(&path).await;
        memory.delete(&path).await.unwrap();
        let error = Error::from(store.get(&path).await.unwrap_err());
        assert_eq!((error.code, error.message.contains("was deleted")), (ErrorCode::InvalidData, true));
    }

    #[test]
    fn the_first_version_seen_stays() {
        let (pins, store, path) = (Pins::default(), StoreUrl::new("s3", "b").unwrap(), Path::from("a"));
        pins.pin(&store, &path, "1");
        pins.pin(&store, &path, "2");
        assert_eq!(pins.get(&store, &path).as_deref(), Some("1"));
    }
}
