//! Reads all partitions of a committed output, in order, with as few requests as its size allows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use bytes::Bytes;
use futures::stream::{self, Stream};
use object_store::ObjectStoreExt as _;

use super::{Source, layout};
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::ProducedTask;

/// Bytes of one request, whatever the partitions in it: what is held at once.
const CHUNK_BYTES: u64 = 8 * 1024 * 1024;

/// Batches with the partition that each is of.
///
/// # Errors
/// `Unavailable` when the output cannot be read: it was there, so another attempt may find it.
pub(crate) fn read_whole(
    source: &Source,
    produced: &Arc<ProducedTask>,
) -> Result<impl Stream<Item = Result<(usize, RecordBatch)>> + use<>> {
    let state = Whole {
        source: source.clone(),
        produced: Arc::clone(produced),
        next: 0,
        partition: 0..0,
        chunk: Bytes::new(),
        chunk_start: 0,
        decoder: StreamDecoder::new(),
        buffer: Buffer::default(),
    };
    Ok(stream::try_unfold(state, |mut state| async move { Ok(state.next().await?.map(|item| (item, state))) }))
}

struct Whole {
    source: Source,
    produced: Arc<ProducedTask>,
    /// The partition after the one that is being read.
    next: usize,
    /// What is still to be decoded of the partition at hand.
    partition: Range<u64>,
    chunk: Bytes,
    /// Where in the output `chunk` begins.
    chunk_start: u64,
    decoder: StreamDecoder,
    buffer: Buffer,
}

impl Whole {
    async fn next(&mut self) -> Result<Option<(usize, RecordBatch)>> {
        loop {
            match self.decoder.decode(&mut self.buffer) {
                Ok(Some(batch)) => return Ok(Some((self.next - 1, batch))),
                Ok(None) => {}
                Err(error) => return Err(self.unreadable(&error)),
            }
            if self.partition.is_empty() && !self.next_partition()? {
                return Ok(None);
            }
            let bytes = self.fetch().await?;
            self.partition.start += bytes.len() as u64;
            self.buffer = Buffer::from(bytes);
        }
    }

    /// Goes to the next partition that has rows.
    fn next_partition(&mut self) -> Result<bool> {
        self.decoder.finish().map_err(|error| self.unreadable(&error))?;
        while let Some([start, end]) = self.produced.output.offsets.get(self.next..self.next + 2) {
            self.next += 1;
            if start < end {
                self.partition = *start..*end;
                self.decoder = StreamDecoder::new();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next bytes of the partition, no more than are at hand or one request brings.
    async fn fetch(&mut self) -> Result<Bytes> {
        let start = self.partition.start;
        if let Some(inline) = &self.produced.output.inline {
            return Ok(inline.0.slice(start as usize..self.partition.end as usize));
        }
        if start >= self.chunk_start + self.chunk.len() as u64 {
            let total = self.produced.output.offsets.last().copied().unwrap_or(0);
            self.chunk = self.get(start..total.min(start + CHUNK_BYTES)).await?;
            self.chunk_start = start;
        }
        let end = self.partition.end.min(self.chunk_start + self.chunk.len() as u64);
        Ok(self.chunk.slice((start - self.chunk_start) as usize..(end - self.chunk_start) as usize))
    }

    async fn get(&self, range: Range<u64>) -> Result<Bytes> {
        let Some((exchange, store)) = &self.source.exchange else {
            return Err(Error::internal("an exchange object is to be read and no exchange location is set"));
        };
        let path = layout::path(exchange, &layout::name_of(self.source.run, &self.produced)?)?;
        let bytes = store.get_range(&path, range.clone()).await.map_err(|error| match Error::from(error) {
            missing if missing.code == ErrorCode::NotFound => self.unreadable(&missing),
            other => other,
        })?;
        match bytes.len() as u64 == range.end - range.start {
            true => Ok(bytes),
            false => Err(self.unreadable(&format!("{} bytes of {range:?} received", bytes.len()))),
        }
    }

    fn unreadable(&self, reason: &dyn std::fmt::Display) -> Error {
        let attempt = self.produced.attempt;
        Error::new(
            ErrorCode::Unavailable,
            format!("cannot read the output of attempt {attempt} in the exchange: {reason}"),
        )
    }
}
