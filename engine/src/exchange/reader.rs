//! Reads partitions of a committed output.
//!
//! The partitions that one consumer reads from one producer lie next to each other: a small region is fetched in one GET that
//! all its partitions share, a large one is streamed partition by partition in chunks, so memory stays bounded either way.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use bytes::Bytes;
use datafusion::error::DataFusionError;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::sync::OnceCell;

use super::layout;
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
    let region = Arc::new(Region { object: object(source, produced)?, range: start..end, bytes: OnceCell::new() });
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
    let path = layout::path(exchange, &layout::output_name(source.run, produced.attempt))?;
    Ok(Object::Stored(Arc::clone(store), path))
}

struct Region {
    object: Object,
    range: Range<u64>,
    /// The whole region, once fetched, when it is small.
    bytes: OnceCell<Bytes>,
}

impl Region {
    async fn fetch(&self, range: Range<u64>) -> Result<Bytes> {
        match &self.object {
            Object::Inline(bytes) => Ok(bytes.slice(range.start as usize..range.end as usize)),
            Object::Stored(store, path) if self.range.end - self.range.start <= WHOLE_REGION_BYTES => {
                let whole = self.bytes.get_or_try_init(|| get(store, path, self.range.clone())).await?;
                let start = range.start - self.range.start;
                Ok(whole.slice(start as usize..(start + range.end - range.start) as usize))
            }
            Object::Stored(store, path) => get(store, path, range).await,
        }
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
    let state =
        Decoding { region: Arc::clone(region), range, decoder: StreamDecoder::new(), buffer: Buffer::default() };
    stream::try_unfold(state, |mut state| async move { Ok(state.next().await?.map(|batch| (batch, state))) }).boxed()
}

struct Decoding {
    region: Arc<Region>,
    /// What is still to be fetched.
    range: Range<u64>,
    decoder: StreamDecoder,
    buffer: Buffer,
}

impl Decoding {
    async fn next(&mut self) -> Result<Option<RecordBatch>, DataFusionError> {
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.buffer)? {
                return Ok(Some(batch));
            }
            if self.range.is_empty() {
                self.decoder.finish()?;
                return Ok(None);
            }
            let end = self.range.end.min(self.range.start + CHUNK_BYTES);
            let bytes = self.region.fetch(self.range.start..end).await?;
            self.range.start = end;
            self.buffer = Buffer::from(bytes);
        }
    }
}
