//! Asks for bytes in good ranges: close ones together, long ones in parallel pieces, never too many at once.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use datafusion::common::runtime::SpawnedTask;
use futures::future::try_join_all;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
    coalesce_ranges,
};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::exact::{exact_stream, object_is_shorter, wrong_length};
use super::range_cache::{Kept, QueryCache};
use super::single_flight::SingleFlight;

/// Bodies of at most so many bytes are held whole.
pub(super) const SHORT_BODY: u64 = 8 * 1024 * 1024;

/// When ranges are merged and split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangePolicy {
    /// Ranges with at most so many bytes between them become one request. S3 sends 1 MiB in the time that it takes to begin an answer;
    /// but requests wait side by side, and bytes share the line (docs/performance.md).
    pub merge_gap: u64,
    /// Longer ranges are cut into equal pieces of at most so many bytes: one connection carries under 100 MB/s.
    pub split_above: u64,
}

impl RangePolicy {
    /// For storage behind a network.
    pub const REMOTE: Self = Self { merge_gap: 256 * 1024, split_above: 8 * 1024 * 1024 };
    /// For local files: a request costs microseconds.
    pub const LOCAL: Self = Self { merge_gap: 16 * 1024, split_above: u64::MAX };
}

/// A store whose reads are shaped by a [`RangePolicy`] and bounded in number over the process.
///
/// A fetch runs as a task of its own: it goes on while the reader that asked waits for something else, and ends when that
/// reader is dropped. So a permit is held only while bytes are on their way, never while they wait for a reader, and readers
/// that wait for each other cannot block one another. A whole-object stream holds a permit until its headers are there.
pub struct Ranged {
    fetcher: Arc<Fetcher>,
    policy: RangePolicy,
    cache: Option<QueryCache>,
}

struct Fetcher {
    inner: Arc<dyn ObjectStore>,
    split_above: u64,
    in_flight: Arc<Semaphore>,
    flights: SingleFlight,
}

impl Ranged {
    pub fn new(inner: Arc<dyn ObjectStore>, policy: RangePolicy, in_flight: Arc<Semaphore>) -> Self {
        let split_above = policy.split_above;
        let fetcher = Arc::new(Fetcher { inner, split_above, in_flight, flights: SingleFlight::default() });
        Self { fetcher, policy, cache: None }
    }

    /// Keeps what is fetched, and looks there first for ranges.
    pub(super) fn with_cache(self, cache: QueryCache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    fn inner(&self) -> &dyn ObjectStore {
        self.fetcher.inner.as_ref()
    }

    /// One merged range.
    async fn fetch(&self, location: Path, range: Range<u64>) -> Result<Bytes> {
        let (fetcher, cache) = (Arc::clone(&self.fetcher), self.cache.clone());
        driven(async move {
            let pieces = async {
                let fetched = fetcher.fetch_pieces(&location, range.clone()).await?;
                let bytes = fetched.bytes.clone();
                if let Some(cache) = cache {
                    cache.put(&location, range.start, fetched);
                }
                Ok(bytes)
            };
            fetcher.flights.get(&location, range.clone(), pieces).await
        })
        .await
    }

    /// The answer to a request for nothing but a range that is kept; without attributes, which are not.
    fn known(&self, location: &Path, options: &GetOptions) -> Option<GetResult> {
        let GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: None,
            if_none_match: None,
            if_modified_since: None,
            if_unmodified_since: None,
            version: None,
            head: false,
            ..
        } = options
        else {
            return None;
        };
        let Kept { bytes, meta } = self.cache.as_ref()?.get(location, range)?;
        let payload = GetResultPayload::Stream(futures::stream::iter([Ok(bytes)]).boxed());
        Some(GetResult {
            payload,
            meta: meta.as_ref().clone(),
            range: range.clone(),
            attributes: Attributes::default(),
        })
    }

    /// In the order of the ranges, which may overlap.
    async fn fetch_all(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        coalesce_ranges(ranges, |range| self.fetch(location.clone(), range), self.policy.merge_gap).await
    }
}

/// Runs a fetch whether or not its reader is polled.
async fn driven<T: Send + 'static>(fetch: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    SpawnedTask::spawn(fetch).join_unwind().await.map_err(|error| StoreError::JoinError { source: error })?
}

impl Fetcher {
    async fn fetch_pieces(&self, location: &Path, range: Range<u64>) -> Result<Kept> {
        let pieces = split(&range, self.split_above);
        if let [single] = pieces.as_slice() {
            return self.fetch_piece(location, single.clone()).await;
        }
        let fetched = try_join_all(pieces.into_iter().map(|piece| self.fetch_piece(location, piece))).await?;
        let mut whole = BytesMut::with_capacity(fetched.iter().map(|piece| piece.bytes.len()).sum());
        for piece in &fetched {
            whole.extend_from_slice(&piece.bytes);
        }
        // They are of one version: the query has pinned it.
        let Some(Kept { meta, .. }) = fetched.into_iter().next() else { return Err(wrong_length(location, "fewer")) };
        Ok(Kept { bytes: whole.freeze(), meta })
    }

    async fn fetch_piece(&self, location: &Path, range: Range<u64>) -> Result<Kept> {
        let _permit = self.permit().await?;
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let result = self.inner.get_opts(location, options).await?;
        if result.range != range {
            return Err(object_is_shorter(location, range.end, result.range.end));
        }
        let meta = Arc::new(result.meta.clone());
        Ok(Kept { bytes: exact_bytes(location, result).await?, meta })
    }

    /// The answer; the body of a short range comes whole, so that the bound on requests holds for it too, and is kept.
    async fn get(&self, location: &Path, options: GetOptions, cache: Option<QueryCache>) -> Result<GetResult> {
        let short = matches!(&options.range, Some(GetRange::Bounded(range)) if range.end - range.start <= SHORT_BODY);
        // One that asks for a version of its own may get another than the query's.
        let cache = cache.filter(|_| options.if_match.is_none() && options.version.is_none());
        let permit = self.permit().await?;
        let mut result = self.inner.get_opts(location, options).await?;
        let (range, meta, attributes) = (result.range.clone(), result.meta.clone(), result.attributes.clone());
        match result.payload {
            GetResultPayload::Stream(_) if short => {
                let body = exact_bytes(location, result).await?;
                if let Some(cache) = cache {
                    cache.put(location, range.start, Kept { bytes: body.clone(), meta: Arc::new(meta.clone()) });
                }
                let payload = GetResultPayload::Stream(futures::stream::iter([Ok(body)]).boxed());
                Ok(GetResult { payload, meta, range, attributes })
            }
            GetResultPayload::Stream(body) => {
                drop(permit);
                let expected = range.end - range.start;
                let payload = GetResultPayload::Stream(exact_stream(body, location.clone(), expected));
                Ok(GetResult { payload, meta, range, attributes })
            }
            file @ GetResultPayload::File(..) => {
                result.payload = file;
                Ok(result)
            }
        }
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>> {
        self.in_flight
            .acquire()
            .await
            .map_err(|error| StoreError::Generic { store: "storage", source: Box::new(error) })
    }
}

async fn exact_bytes(location: &Path, result: GetResult) -> Result<Bytes> {
    let expected = result.range.end - result.range.start;
    let bytes = result.bytes().await?;
    if bytes.len() as u64 != expected {
        return Err(wrong_length(location, if (bytes.len() as u64) < expected { "fewer" } else { "more" }));
    }
    Ok(bytes)
}

#[async_trait]
impl ObjectStore for Ranged {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        if let Some(known) = self.known(location, &options) {
            return Ok(known);
        }
        let (fetcher, location, cache) = (Arc::clone(&self.fetcher), location.clone(), self.cache.clone());
        driven(async move { fetcher.get(&location, options, cache).await }).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let cache = self.cache.as_ref();
        let known: Vec<_> = ranges.iter().map(|range| Some(cache?.get(location, range)?.bytes)).collect();
        let missing: Vec<_> =
            ranges.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(range, _)| range.clone()).collect();
        if missing.is_empty() {
            return Ok(known.into_iter().flatten().collect());
        }
        let mut fetched = self.fetch_all(location, &missing).await?.into_iter();
        Ok(known.into_iter().filter_map(|known| known.or_else(|| fetched.next())).collect())
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let _permit = self.fetcher.permit().await?;
        self.inner().put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner().put_multipart_opts(location, opts).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner().delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner().list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner().list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let _permit = self.fetcher.permit().await?;
        self.inner().list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner().copy_opts(from, to, options).await
    }
}

/// Equal pieces of at most `above` bytes, in order.
fn split(range: &Range<u64>, above: u64) -> Vec<Range<u64>> {
    let length = range.end.saturating_sub(range.start);
    let pieces = length.div_ceil(above).max(1);
    let size = length.div_ceil(pieces);
    (0..pieces)
        .map(|piece| {
            let start = range.start + piece * size;
            start..(start + size).min(range.end)
        })
        .collect()
}

impl fmt::Debug for Ranged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ranged({:?})", self.inner())
    }
}

impl fmt::Display for Ranged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner())
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use proptest::prelude::*;

    use super::super::range_cache::RangeCache;
    use super::super::{Metered, Pins, StoreMeter, StoreUrl, Traffic};
    use super::*;
    use crate::error::{Error, ErrorCode};

    const POLICY: RangePolicy = RangePolicy { merge_gap: 10, split_above: 100 };

    async fn ranged(length: usize, permits: usize) -> (Ranged, Arc<StoreMeter>, Path) {
        let (memory, path) = (InMemory::new(), Path::from("object"));
        memory.put(&path, content(length).into()).await.unwrap();
        let meter = Arc::new(StoreMeter::default());
        let metered = Metered::new(Arc::new(memory), Arc::clone(&meter), Traffic::Scan);
        (Ranged::new(Arc::new(metered), POLICY, Arc::new(Semaphore::new(permits))), meter, path)
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index % 251) as u8).collect()
    }

    #[tokio::test]
    async fn close_ranges_are_one_request_and_long_ones_are_several() {
        let (store, meter, path) = ranged(1000, 4).await;
        let parts = store.get_ranges(&path, &[0..10, 15..30, 500..750]).await.unwrap();
        let whole = content(1000);
        assert_eq!(parts, [&whole[0..10], &whole[15..30], &whole[500..750]]);
        let counts = meter.snapshot();
        assert_eq!((counts.get, counts.bytes_scanned), (1 + 3, 30 + 250));
    }

    #[tokio::test]
    async fn behind_a_network_small_gaps_are_read_and_long_ranges_come_in_pieces() {
        const MIB: u64 = 1024 * 1024;
        let (memory, path) = (InMemory::new(), Path::from("object"));
        memory.put(&path, vec![7; 30 * MIB as usize].into()).await.unwrap();
        let gets = async |ranges: &[Range<u64>]| {
            let meter = Arc::new(StoreMeter::default());
            let metered = Metered::new(Arc::new(memory.fork()), Arc::clone(&meter), Traffic::Scan);
            let store = Ranged::new(Arc::new(metered), RangePolicy::REMOTE, Arc::new(Semaphore::new(8)));
            store.get_ranges(&path, ranges).await.unwrap();
            (meter.snapshot().get, meter.snapshot().bytes_scanned / MIB)
        };
        let gap = MIB / 4;
        assert_eq!(gets(&[0..MIB - gap, MIB..2 * MIB]).await, (1, 2), "a gap of 256 KiB");
        assert_eq!(gets(&[0..MIB, MIB + gap + 1..2 * MIB + gap + 1]).await, (2, 2), "a larger gap");
        assert_eq!(gets(std::slice::from_ref(&(0..8 * MIB))).await.0, 1);
        assert_eq!(gets(std::slice::from_ref(&(0..20 * MIB))).await.0, 3, "pieces of at most 8 MiB");
    }

    #[tokio::test]
    async fn a_part_of_what_is_kept_is_no_request_however_it_is_asked_for() {
        let (store, meter, path) = ranged(1000, 4).await;
        let (pins, lake) = (Arc::new(Pins::default()), StoreUrl::new("s3", "lake").unwrap());
        pins.pin(&lake, &path, "1");
        let cache = Arc::new(RangeCache::new(100_000));
        let store = store.with_cache(QueryCache { cache, store: lake, pins, meter: Arc::clone(&meter) });
        let (whole, wide) = (content(1000), 100..500);
        store.get_ranges(&path, std::slice::from_ref(&wide)).await.unwrap();
        let gets = meter.snapshot().get;
        assert_eq!(store.get_range(&path, 150..160).await.unwrap(), &whole[150..160]);
        let answer = store.get_opts(&path, GetOptions::new().with_range(Some(200..210_u64))).await.unwrap();
        assert_eq!((answer.range.clone(), answer.meta.size), (200..210, 1000));
        assert_eq!(meter.snapshot().get, gets);
        assert_eq!(store.get_range(&path, 490..510).await.unwrap(), &whole[490..510], "not all of it is kept");
        assert_eq!(meter.snapshot().get, gets + 1);
        assert_eq!(store.head(&path).await.unwrap().size, 1000);
    }

    #[tokio::test]
    async fn one_permit_is_enough_for_any_number_of_readers() {
        let (store, _, path) = ranged(1000, 1).await;
        let whole = content(1000);
        let ranges = [0..900_u64, 100..1000, 0..1000, 300..301];
        let all = try_join_all(ranges.iter().map(|range| store.get_ranges(&path, std::slice::from_ref(range)))).await;
        for (range, parts) in ranges.iter().zip(all.unwrap()) {
            assert_eq!(parts, [&whole[range.start as usize..range.end as usize]]);
        }
    }

    #[tokio::test]
    async fn a_range_past_the_end_is_an_error() {
        let (store, _, path) = ranged(50, 4).await;
        let error = Error::from(store.get_ranges(&path, std::slice::from_ref(&(40..60))).await.unwrap_err());
        assert_eq!(error.code, ErrorCode::InvalidData, "{error}");
        assert!(error.message.contains("ends at byte 50"), "{error}");
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_an_error_that_can_be_retried() {
        let body = futures::stream::iter([Ok(Bytes::from_static(b"abc"))]).boxed();
        let mut parts = exact_stream(body, Path::from("x"), 5);
        assert_eq!(parts.next().await.unwrap().unwrap(), "abc");
        let error = Error::from(parts.next().await.unwrap().unwrap_err());
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert!(parts.next().await.is_none());
    }

    #[tokio::test]
    async fn a_fetch_goes_on_while_its_reader_is_not_polled() {
        let (store, _, path) = ranged(1000, 1).await;
        let whole = content(1000);
        let paused_range = 0..10;
        let mut paused = Box::pin(store.get_ranges(&path, std::slice::from_ref(&paused_range)));
        assert!(futures::poll!(paused.as_mut()).is_pending());
        // The one permit is taken, and these very bytes are under way, for a reader that is never polled again.
        for range in [0..10_u64, 500..600] {
            let parts = store.get_ranges(&path, std::slice::from_ref(&range)).await.unwrap();
            assert_eq!(parts, [&whole[range.start as usize..range.end as usize]]);
        }
        assert_eq!(paused.await.unwrap(), [&whole[0..10]]);
    }

    proptest! {
        #[test]
        fn pieces_cover_the_range_in_order(start in 0_u64..1000, length in 1_u64..5000, above in 1_u64..700) {
            let range = start..start + length;
            let pieces = split(&range, above);
            prop_assert_eq!(pieces.first().unwrap().start, range.start);
            prop_assert_eq!(pieces.last().unwrap().end, range.end);
            prop_assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert!(pieces.iter().all(|piece| piece.end - piece.start <= above && !piece.is_empty()));
        }
    }
}
