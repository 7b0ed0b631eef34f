//! Bytes that were read once are kept in memory, by the version of the object they came from.
//!
//! What is kept is what was fetched: merged ranges, whole. A later read is answered where one of them covers it. An ETag names a
//! version for ever, so nothing here can be out of date; what a query reads is still decided by its own listing.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use moka::notification::RemovalCause;
use moka::sync::Cache;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::{Pins, StoreMeter, StoreUrl};

/// One range takes at most this share of the cache: reading one huge range must not empty it.
const SHARE_OF_ONE: u64 = 8;

/// One version of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Version {
    store: StoreUrl,
    path: Path,
    e_tag: Arc<str>,
}

/// A range by where it starts.
type Key = (Arc<Version>, u64);

/// Bytes of an object, and what it is that they are of.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) bytes: Bytes,
    pub(super) meta: Arc<ObjectMeta>,
}

/// The ranges of all objects that a process keeps.
#[derive(Debug)]
pub(super) struct RangeCache {
    kept: Cache<Key, Kept>,
    index: Arc<Index>,
    largest: u64,
}

impl RangeCache {
    /// Keeps about so many bytes; those that are asked for least go first.
    pub(super) fn new(capacity: u64) -> Self {
        let index = Arc::new(Index::default());
        let listening = Arc::clone(&index);
        let kept = Cache::builder()
            .max_capacity(capacity)
            .weigher(|_, kept: &Kept| u32::try_from(kept.bytes.len()).unwrap_or(u32::MAX))
            .eviction_listener(move |key: Arc<Key>, _, cause| {
                if cause != RemovalCause::Replaced {
                    listening.forget(&key);
                }
            })
            .build();
        Self { kept, index, largest: capacity / SHARE_OF_ONE }
    }

    fn get(&self, version: &Version, range: &Range<u64>) -> Option<Kept> {
        let (key, start) = self.index.covering(version, range)?;
        let Kept { bytes, meta } = self.kept.get(&(key, start))?;
        let (from, to) = (usize::try_from(range.start - start).ok()?, usize::try_from(range.end - start).ok()?);
        (to <= bytes.len()).then(|| Kept { bytes: bytes.slice(from..to), meta })
    }

    fn put(&self, version: Version, start: u64, range: Kept) {
        let length = range.bytes.len() as u64;
        if length > 0 && length <= self.largest {
            let version = self.index.note(version, start..start + length);
            self.kept.insert((version, start), range);
        }
    }
}

/// Which ranges of which versions there are. It may name ranges that have just gone, never leave out one for long that is there.
#[derive(Debug, Default)]
struct Index(Mutex<HashMap<Arc<Version>, BTreeMap<u64, u64>>>);

impl Index {
    /// The last range that starts at or before this one, if it reaches as far.
    fn covering(&self, version: &Version, range: &Range<u64>) -> Option<Key> {
        let index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (version, ranges) = index.get_key_value(version)?;
        let (start, end) = ranges.range(..=range.start).next_back()?;
        (*end >= range.end).then(|| (Arc::clone(version), *start))
    }

    fn note(&self, version: Version, range: Range<u64>) -> Arc<Version> {
        let mut index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = index.entry(Arc::new(version));
        let version = Arc::clone(entry.key());
        entry.or_default().insert(range.start, range.end);
        version
    }

    fn forget(&self, (version, start): &Key) {
        let mut index = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ranges) = index.get_mut(version) {
            ranges.remove(start);
            if ranges.is_empty() {
                index.remove(version);
            }
        }
    }
}

/// The cache as one query sees it: it knows versions by its pins. An object that is not pinned is not kept.
#[derive(Debug, Clone)]
pub(super) struct QueryCache {
    pub(super) cache: Arc<RangeCache>,
    pub(super) store: StoreUrl,
    pub(super) pins: Arc<Pins>,
    pub(super) meter: Arc<StoreMeter>,
}

impl QueryCache {
    /// The bytes, and counts them.
    pub(super) fn get(&self, path: &Path, range: &Range<u64>) -> Option<Kept> {
        let kept = self.cache.get(&self.version(path)?, range)?;
        self.meter.remembered(kept.bytes.len() as u64);
        Some(kept)
    }

    pub(super) fn put(&self, path: &Path, start: u64, range: Kept) {
        if let Some(version) = self.version(path) {
            self.cache.put(version, start, range);
        }
    }

    fn version(&self, path: &Path) -> Option<Version> {
        let e_tag = self.pins.get(&self.store, path)?;
        Some(Version { store: self.store.clone(), path: path.clone(), e_tag })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: impl Into<Bytes>) -> Kept {
        let last_modified = Default::default();
        let meta = ObjectMeta { location: "a".into(), last_modified, size: 100, e_tag: None, version: None };
        Kept { bytes: bytes.into(), meta: Arc::new(meta) }
    }

    fn query(cache: &Arc<RangeCache>, e_tag: &str) -> QueryCache {
        let (pins, store) = (Arc::new(Pins::default()), StoreUrl::new("s3", "b").unwrap());
        pins.pin(&store, &Path::from("a"), e_tag);
        QueryCache { cache: Arc::clone(cache), store, pins, meter: Arc::default() }
    }

    #[test]
    fn what_a_kept_range_covers_is_answered_for_the_same_version_only() {
        let cache = Arc::new(RangeCache::new(1000));
        let (query, newer, path) = (query(&cache, "1"), query(&cache, "2"), Path::from("a"));
        query.put(&path, 10, kept(Bytes::from_static(b"0123456789")));
        assert_eq!(query.get(&path, &(12..15)).unwrap().bytes, "234");
        assert_eq!(query.get(&path, &(10..20)).unwrap().bytes, "0123456789");
        assert_eq!(query.meter.snapshot().bytes_remembered, 13);
        for beyond in [9..12, 15..21, 30..31] {
            assert!(query.get(&path, &beyond).is_none(), "{beyond:?}");
        }
        assert!(newer.get(&path, &(12..15)).is_none());
        query.put(&Path::from("not pinned"), 0, kept(Bytes::from_static(b"x")));
        assert!(query.get(&Path::from("not pinned"), &(0..1)).is_none());
    }

    #[test]
    fn a_longer_range_from_the_same_start_takes_the_place_of_the_shorter() {
        let cache = Arc::new(RangeCache::new(1000));
        let (query, path) = (query(&cache, "1"), Path::from("a"));
        query.put(&path, 0, kept(Bytes::from_static(b"01")));
        query.put(&path, 0, kept(Bytes::from_static(b"0123")));
        cache.kept.run_pending_tasks();
        assert_eq!(query.get(&path, &(1..4)).unwrap().bytes, "123");
    }

    #[test]
    fn it_is_bounded_and_its_index_with_it() {
        let cache = Arc::new(RangeCache::new(10_000));
        let (query, path) = (query(&cache, "1"), Path::from("a"));
        for start in 0..1000 {
            query.put(&path, start * 1000, kept(vec![7; 1000]));
        }
        query.put(&path, 2_000_000, kept(vec![7; 5000]));
        cache.kept.run_pending_tasks();
        assert!(cache.kept.weighted_size() <= 10_000);
        let known: usize = cache.index.0.lock().unwrap().values().map(BTreeMap::len).sum();
        assert_eq!(known as u64, cache.kept.entry_count());
        assert!(query.get(&path, &(2_000_000..2_000_001)).is_none(), "more than its share");
    }
}
