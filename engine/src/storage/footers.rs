//! Parquet footers are kept by version, not by name alone.
//!
//! DataFusion's cache finds a footer by the key of its object and trusts it when size and modification time agree. Two
//! buckets can hold the same key, and S3 tells time in seconds: an object replaced by one of the same size within a
//! second would be read with the old footer. A warm worker would do so for as long as it lives.

use std::sync::Arc;
use std::time::Duration;

use datafusion::common::{HashMap, TableReference};
use datafusion::execution::cache::cache_manager::{
    CacheManager, CacheManagerConfig, CachedFileMetadataEntry, FileMetadataCache,
};
use datafusion::execution::cache::{Cache, CacheEntryInfo};
use object_store::path::Path;

use super::Pins;
use crate::error::Result;

/// The caches of one query over the process's own: footers are shared by store, key and ETag; listings are never kept.
///
/// An object that is not pinned, or whose key is pinned in two stores, is not cached.
pub fn query_caches(shared: &CacheManager, pins: Arc<Pins>) -> Result<Arc<CacheManager>> {
    let inner = shared.get_file_metadata_cache();
    let config = CacheManagerConfig {
        metadata_cache_limit: inner.cache_limit(),
        file_metadata_cache: Some(Arc::new(FooterCache { inner, pins })),
        list_files_cache_limit: 0,
        file_statistics_cache_limit: 0,
        ..CacheManagerConfig::default()
    };
    Ok(CacheManager::try_new(&config)?)
}

struct FooterCache {
    inner: Arc<FileMetadataCache>,
    pins: Arc<Pins>,
}

impl FooterCache {
    fn versioned(&self, path: &Path) -> Option<Path> {
        let (store, e_tag) = self.pins.only(path)?;
        Some(Path::from_iter([store.as_str(), &e_tag, path.as_ref()]))
    }
}

impl Cache<Path, CachedFileMetadataEntry> for FooterCache {
    fn get(&self, path: &Path) -> Option<CachedFileMetadataEntry> {
        self.inner.get(&self.versioned(path)?)
    }

    fn put(&self, path: &Path, value: CachedFileMetadataEntry) -> Option<CachedFileMetadataEntry> {
        self.inner.put(&self.versioned(path)?, value)
    }

    fn remove(&self, path: &Path) -> Option<CachedFileMetadataEntry> {
        self.inner.remove(&self.versioned(path)?)
    }

    fn contains_key(&self, path: &Path) -> bool {
        self.versioned(path).is_some_and(|key| self.inner.contains_key(&key))
    }

    fn len(&self) -> usize {
        self.inner.len()
    }

    fn clear(&self) {
        self.inner.clear();
    }

    fn name(&self) -> String {
        "footers by version".to_owned()
    }

    fn cache_limit(&self) -> usize {
        self.inner.cache_limit()
    }

    fn update_cache_limit(&self, limit: usize) {
        self.inner.update_cache_limit(limit);
    }

    fn cache_ttl(&self) -> Option<Duration> {
        self.inner.cache_ttl()
    }

    fn update_cache_ttl(&self, ttl: Option<Duration>) {
        self.inner.update_cache_ttl(ttl);
    }

    fn drop_table_entries(&self, table: &TableReference) -> datafusion::error::Result<()> {
        self.inner.drop_table_entries(table)
    }

    fn list_entries(&self) -> HashMap<Path, CacheEntryInfo<CachedFileMetadataEntry>> {
        self.inner.list_entries()
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;

    use chrono::Utc;
    use datafusion::execution::cache::cache_manager::FileMetadata;
    use object_store::ObjectMeta;

    use super::*;
    use crate::storage::StoreUrl;

    struct Nothing;

    impl FileMetadata for Nothing {
        fn as_any(&self) -> &dyn Any {
            self
        }

        fn memory_size(&self) -> usize {
            1
        }

        fn extra_info(&self) -> HashMap<String, String> {
            HashMap::new()
        }
    }

    fn query(shared: &CacheManager, pins: &[(&str, &str)]) -> Arc<FileMetadataCache> {
        let known = Pins::default();
        for (bucket, e_tag) in pins {
            known.pin(&StoreUrl::new("s3", bucket).unwrap(), &Path::from("t/a"), e_tag);
        }
        query_caches(shared, Arc::new(known)).unwrap().get_file_metadata_cache()
    }

    #[test]
    fn a_footer_is_found_again_for_the_same_version_in_the_same_bucket_only() {
        let shared = CacheManager::try_new(&CacheManagerConfig::default()).unwrap();
        let path = Path::from("t/a");
        let meta =
            ObjectMeta { location: path.clone(), last_modified: Utc::now(), size: 9, e_tag: None, version: None };
        query(&shared, &[("b", "1")]).put(&path, CachedFileMetadataEntry::new(meta, Arc::new(Nothing)));
        assert!(query(&shared, &[("b", "1")]).contains_key(&path));
        assert!(!query(&shared, &[("b", "2")]).contains_key(&path));
        assert!(!query(&shared, &[("other", "1")]).contains_key(&path));
        assert!(!query(&shared, &[("b", "1"), ("other", "1")]).contains_key(&path));
        assert!(!query(&shared, &[]).contains_key(&path));
    }
}
