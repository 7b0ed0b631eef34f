//! Counts what is really asked of storage, and the bytes that really come back.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::{Repeat, RequestCounts};

/// S3 answers a listing in pages of so many keys (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).
const KEYS_PER_PAGE: u64 = 1000;

/// What the bytes of a store are counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Table data: the bytes that a scan is billed by.
    Scan,
    /// Rows between stages.
    Exchange,
}

/// Requests and bytes of one query or task; shared by all its stores.
#[derive(Debug, Default)]
pub struct StoreMeter {
    get: AtomicU64,
    head: AtomicU64,
    list: AtomicU64,
    put: AtomicU64,
    delete: AtomicU64,
    retried: AtomicU64,
    hedged: AtomicU64,
    scanned: AtomicU64,
    remembered: AtomicU64,
    exchanged: AtomicU64,
    written: AtomicU64,
}

impl StoreMeter {
    /// The counts so far.
    pub fn snapshot(&self) -> RequestCounts {
        RequestCounts {
            get: self.get.load(Relaxed),
            head: self.head.load(Relaxed),
            list: self.list.load(Relaxed),
            put: self.put.load(Relaxed),
            delete: self.delete.load(Relaxed),
            retried: self.retried.load(Relaxed),
            hedged: self.hedged.load(Relaxed),
            bytes_scanned: self.scanned.load(Relaxed),
            bytes_remembered: self.remembered.load(Relaxed),
            bytes_exchanged: self.exchanged.load(Relaxed),
            bytes_written: self.written.load(Relaxed),
        }
    }

    fn received(&self, traffic: Traffic, bytes: u64) {
        match traffic {
            Traffic::Scan => self.scanned.fetch_add(bytes, Relaxed),
            Traffic::Exchange => self.exchanged.fetch_add(bytes, Relaxed),
        };
    }

    /// Bytes that did not have to be asked for.
    pub(super) fn remembered(&self, bytes: u64) {
        self.remembered.fetch_add(bytes, Relaxed);
    }

    fn put(&self, bytes: usize) {
        self.put.fetch_add(1, Relaxed);
        self.written.fetch_add(bytes as u64, Relaxed);
    }

    fn repeated(&self, why: Option<&Repeat>) {
        match why {
            Some(Repeat::Retry) => self.retried.fetch_add(1, Relaxed),
            Some(Repeat::Hedge) => self.hedged.fetch_add(1, Relaxed),
            None => 0,
        };
    }

    /// Counts a listing that is made when nobody counts any more.
    #[cfg(feature = "coordinator")]
    pub(crate) fn expect_list(&self) {
        self.listed(0);
    }

    /// A listing is at least one request; a further one for each further page.
    fn listed(&self, keys: u64) {
        self.list.fetch_add(keys.div_ceil(KEYS_PER_PAGE).max(1), Relaxed);
    }
}

/// A store whose requests are counted as they go out and whose bytes are counted as they come in.
///
/// Retries and hedges of reads pass through here like any other; those of listings, uploads in parts and deletes are the
/// client's own and not seen. Pages of listings follow from the number of keys. A local file
/// counts as read when it is opened, because its reader bypasses the store.
pub struct Metered {
    inner: Arc<dyn ObjectStore>,
    meter: Arc<StoreMeter>,
    traffic: Traffic,
}

impl Metered {
    pub fn new(inner: Arc<dyn ObjectStore>, meter: Arc<StoreMeter>, traffic: Traffic) -> Self {
        Self { inner, meter, traffic }
    }
}

#[async_trait]
impl ObjectStore for Metered {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.meter.put(payload.content_length());
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.meter.put(0);
        let upload = self.inner.put_multipart_opts(location, opts).await?;
        Ok(Box::new(MeteredUpload { inner: upload, meter: Arc::clone(&self.meter) }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.meter.repeated(options.extensions.get::<Repeat>());
        if options.head {
            self.meter.head.fetch_add(1, Relaxed);
            return self.inner.get_opts(location, options).await;
        }
        self.meter.get.fetch_add(1, Relaxed);
        let mut result = self.inner.get_opts(location, options).await?;
        result.payload = match result.payload {
            GetResultPayload::File(file, path) => {
                self.meter.received(self.traffic, result.range.end - result.range.start);
                GetResultPayload::File(file, path)
            }
            GetResultPayload::Stream(body) => GetResultPayload::Stream(self.count(body)),
        };
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.meter.get.fetch_add(ranges.len() as u64, Relaxed);
        let all = self.inner.get_ranges(location, ranges).await?;
        self.meter.received(self.traffic, all.iter().map(|bytes| bytes.len() as u64).sum());
        Ok(all)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let meter = Arc::clone(&self.meter);
        let counted = locations.inspect(move |_| {
            meter.delete.fetch_add(1, Relaxed);
        });
        self.inner.delete_stream(counted.boxed())
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        count_pages(self.inner.list(prefix), Arc::clone(&self.meter))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        count_pages(self.inner.list_with_offset(prefix, offset), Arc::clone(&self.meter))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let result = self.inner.list_with_delimiter(prefix).await;
        let keys = result.as_ref().map_or(0, |found| found.objects.len() + found.common_prefixes.len());
        self.meter.listed(keys as u64);
        result
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.meter.put(0);
        self.inner.copy_opts(from, to, options).await
    }
}

impl Metered {
    fn count(&self, body: BoxStream<'static, Result<Bytes>>) -> BoxStream<'static, Result<Bytes>> {
        let (meter, traffic) = (Arc::clone(&self.meter), self.traffic);
        body.inspect(move |part| {
            if let Ok(bytes) = part {
                meter.received(traffic, bytes.len() as u64);
            }
        })
        .boxed()
    }
}

fn count_pages(
    keys: BoxStream<'static, Result<ObjectMeta>>,
    meter: Arc<StoreMeter>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    meter.listed(0);
    let mut seen = 0;
    keys.inspect(move |_| {
        seen += 1;
        if seen > KEYS_PER_PAGE && seen % KEYS_PER_PAGE == 1 {
            meter.listed(0);
        }
    })
    .boxed()
}

#[derive(Debug)]
struct MeteredUpload {
    inner: Box<dyn MultipartUpload>,
    meter: Arc<StoreMeter>,
}

#[async_trait]
impl MultipartUpload for MeteredUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.meter.put(data.content_length());
        self.inner.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.meter.put(0);
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.meter.delete.fetch_add(1, Relaxed);
        self.inner.abort().await
    }
}

impl fmt::Debug for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Metered({:?})", self.inner)
    }
}

impl fmt::Display for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    fn metered(traffic: Traffic) -> (Metered, Arc<StoreMeter>) {
        let meter = Arc::new(StoreMeter::default());
        (Metered::new(Arc::new(InMemory::new()), Arc::clone(&meter), traffic), meter)
    }

    #[tokio::test]
    async fn counts_each_kind_of_request_and_the_bytes_of_bodies() {
        let (store, meter) = metered(Traffic::Scan);
        let path = Path::from("a/b");
        store.put(&path, PutPayload::from(vec![7; 100])).await.unwrap();
        store.get(&path).await.unwrap().bytes().await.unwrap();
        store.get_range(&path, 10..30).await.unwrap();
        store.head(&path).await.unwrap();
        store.list(None).try_collect::<Vec<_>>().await.unwrap();
        store.list_with_delimiter(None).await.unwrap();
        store.delete(&path).await.unwrap();
        let expected = RequestCounts {
            get: 2,
            head: 1,
            list: 2,
            put: 1,
            delete: 1,
            retried: 0,
            hedged: 0,
            bytes_scanned: 120,
            bytes_remembered: 0,
            bytes_exchanged: 0,
            bytes_written: 100,
        };
        assert_eq!(meter.snapshot(), expected);
    }

    #[tokio::test]
    async fn parts_of_an_upload_are_requests() {
        let (store, meter) = metered(Traffic::Exchange);
        let path = Path::from("x");
        let mut upload = store.put_multipart(&path).await.unwrap();
        upload.put_part(vec![1; 10].into()).await.unwrap();
        upload.put_part(vec![1; 5].into()).await.unwrap();
        upload.complete().await.unwrap();
        store.get(&path).await.unwrap().bytes().await.unwrap();
        let counts = meter.snapshot();
        assert_eq!((counts.put, counts.bytes_written), (4, 15));
        assert_eq!((counts.bytes_scanned, counts.bytes_exchanged), (0, 15));
    }

    #[tokio::test]
    async fn a_listing_counts_by_pages_of_a_thousand() {
        let (store, meter) = metered(Traffic::Scan);
        for index in 0..2001 {
            store.put(&Path::from(format!("k{index}")), PutPayload::new()).await.unwrap();
        }
        store.list(None).try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(meter.snapshot().list, 3);
    }
}
