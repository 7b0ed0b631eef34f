//! Reads partitions of a committed output.
//!
//! The partitions that one consumer reads from one producer lie next to each other: a small region is fetched in one GET that
//! all its partitions share, a large one is streamed partition by partition in chunks. All readers of a task together hold
//! no more than [`ReaderMemory`] has room for; nothing waits for that room without end.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use bytes::Bytes;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryPool;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::sync::OnceCell;

use super::layout;
use super::reader_memory::{ReaderMemory, Room};
use crate::error::{Error, Result};
use crate::protocol::{ExchangeConfig, ProducedTask, RunId};

/// Regions up to this size are fetched whole.
const WHOLE_REGION_BYTES: u64 = 8 * 1024 * 1024;

/// Larger partitions are fetched in pieces of this size.
const CHUNK_BYTES: u64 = 8 * 1024 * 1024;

pub(crate) type BatchStream = BoxStream<'static, Result<RecordBatch, DataFusionError>>;

/// Where exchange objects of a run are read from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) run: RunId,
    pub(crate) exchange: Option<(ExchangeConfig, Arc<dyn ObjectStore>)>,
    memory: ReaderMemory,
}

impl Source {
    /// All readers of the source share a part of the pool.
    pub(crate) fn new(
        run: RunId,
        exchange: Option<(ExchangeConfig, Arc<dyn ObjectStore>)>,
        pool: &Arc<dyn MemoryPool>,
    ) -> Self {
        Self { run, exchange, memory: ReaderMemory::new(pool) }
    }
}

/// One stream per partition, in the order asked for; nothing is fetched before a stream is polled. A partition that the producer
/// does not have is empty.
pub(crate) fn open_partitions(
    source: &Source,
    produced: &Arc<ProducedTask>,
    partitions: &[usize],
) -> Result<Vec<BatchStream>> {
    let ranges: Vec<Range<u64>> = partitions.iter().map(|partition| range(produced, *partition)).collect();
    let used = ranges.iter().filter(|range| !range.is_empty());
    let (Some(start), Some(end)) = (used.clone().map(|r| r.start).min(), used.map(|r| r.end).max()) else {
        return Ok(ranges.iter().map(|_| stream::empty().boxed()).collect());
    };
    let region = Region {
        object: object(source, produced)?,
        range: start..end,
        memory: source.memory.clone(),
        whole: OnceCell::new(),
    };
    let region = Arc::new(region);
    Ok(ranges
        .into_iter()
        .map(|range| if range.is_empty() { stream::empty().boxed() } else { decode(&region, range) })
        .collect())
}

fn range(produced: &ProducedTask, partition: usize) -> Range<u64> {
    match produced.output.offsets.get(partition..partition + 2) {
        Some([start, end]) => *start..*end,
        _ => 0..0,
    }
}

/// The bytes of an output: at hand, or in an object.
enum Object {
    Inline(Bytes),
    Stored(Arc<dyn ObjectStore>, Path),
}

fn object(source: &Source, produced: &ProducedTask) -> Result<Object> {
    if let Some(inline) = &produced.output.inline {
        return Ok(Object::Inline(inline.0.clone()));
    }
    let Some((exchange, store)) = &source.exchange else {
        return Err(Error::internal("an exchange object is to be read and no exchange location is set"));
    };
    let path = layout::path(exchange, &layout::name_of(source.run, produced)?)?;
    Ok(Object::Stored(Arc::clone(store), path))
}

/// What one consumer reads of one producer.
struct Region {
    object: Object,
    range: Range<u64>,
    memory: ReaderMemory,
    /// The whole of it, once fetched; `None` where it is too large, or memory too short, to be held whole.
    whole: OnceCell<Option<Fetched>>,
}

/// Bytes, and the room they take.
#[derive(Clone)]
struct Fetched {
    bytes: Bytes,
    _room: Option<Arc<Room>>,
}

impl Region {
    /// The next bytes of a range, as many as memory allows.
    async fn fetch(&self, range: &Range<u64>) -> Result<Fetched> {
        let (store, path) = match &self.object {
            Object::Inline(bytes) => {
                return Ok(Fetched { bytes: bytes.slice(range.start as usize..range.end as usize), _room: None });
            }
            Object::Stored(store, path) => (store, path),
        };
        let length = self.range.end - self.range.start;
        if length <= WHOLE_REGION_BYTES
            && let Some(whole) = self.whole.get_or_try_init(|| self.fetch_whole(store, path)).await?
        {
            let start = (range.start - self.range.start) as usize;
            let bytes = whole.bytes.slice(start..start + (range.end - range.start) as usize);
            return Ok(Fetched { bytes, _room: whole._room.clone() });
        }
        let room = self.memory.room((range.end - range.start).min(CHUNK_BYTES)).await;
        let bytes = get(store, path, range.start..range.start + room.bytes).await?;
        Ok(Fetched { bytes, _room: Some(Arc::new(room)) })
    }

    async fn fetch_whole(&self, store: &Arc<dyn ObjectStore>, path: &Path) -> Result<Option<Fetched>> {
        let length = self.range.end - self.range.start;
        let room = self.memory.room(length).await;
        if room.bytes < length {
            return Ok(None);
        }
        let bytes = get(store, path, self.range.clone()).await?;
        Ok(Some(Fetched { bytes, _room: Some(Arc::new(room)) }))
    }
}

async fn get(store: &Arc<dyn ObjectStore>, path: &Path, range: Range<u64>) -> Result<Bytes> {
    let expected = range.end - range.start;
    let bytes = store.get_range(path, range).await?;
    if bytes.len() as u64 != expected {
        let message = format!("exchange object {path}: {expected} bytes asked for, {} received", bytes.len());
        return Err(Error::new(crate::ErrorCode::Unavailable, message));
    }
    Ok(bytes)
}

fn decode(region: &Arc<Region>, range: Range<u64>) -> BatchStream {
    let state = Decoding {
        region: Some(Arc::clone(region)),
        range,
        decoder: StreamDecoder::new(),
        buffer: Buffer::default(),
        fetched: None,
    };
    stream::try_unfold(state, |mut state| async move { Ok(state.next().await?.map(|batch| (batch, state))) }).boxed()
}

struct Decoding {
    /// Let go with the last byte: others wait for the room.
    region: Option<Arc<Region>>,
    /// What is still to be fetched.
    range: Range<u64>,
    decoder: StreamDecoder,
    buffer: Buffer,
    /// Holds the room of what `buffer` shows.
    fetched: Option<Fetched>,
}

impl Decoding {
    async fn next(&mut self) -> Result<Option<RecordBatch>, DataFusionError> {
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.buffer)? {
                return Ok(Some(batch));
            }
            self.fetched = None;
            let Some(region) = self.region.as_ref().filter(|_| !self.range.is_empty()) else {
                self.region = None;
                self.decoder.finish()?;
                return Ok(None);
            };
            let fetched = region.fetch(&self.range).await?;
            self.range.start += fetched.bytes.len() as u64;
            self.buffer = Buffer::from(fetched.bytes.clone());
            self.fetched = Some(fetched);
        }
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
