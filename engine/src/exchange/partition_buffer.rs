//! One partition of an output in the making: batches that wait to be encoded, encoded bytes, and pieces on disk.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, SchemaRef};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use bytes::Bytes;

use super::spill::{Piece, Spill};
use crate::error::Result;

/// Rows per encoded batch: small batches are joined before they are compressed.
const ROWS_PER_BATCH: usize = 8192;

/// Bytes of rows that are encoded as soon as they are there, however few rows they are.
const BYTES_PER_BATCH: usize = 1024 * 1024;

pub(super) struct PartitionBuffer {
    schema: SchemaRef,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    stream: Option<StreamWriter<Vec<u8>>>,
    spilled: Vec<Piece>,
}

/// A partition whose rows have all come: what was spilled, then the rest.
pub(super) struct Ended {
    pub(super) spilled: Vec<Piece>,
    pub(super) rest: Bytes,
}

impl Ended {
    /// 0 for a partition without rows.
    pub(super) fn length(&self) -> u64 {
        self.spilled.iter().map(Piece::length).sum::<u64>() + self.rest.len() as u64
    }
}

impl PartitionBuffer {
    pub(super) fn new(schema: SchemaRef) -> Self {
        Self { schema, waiting: Vec::new(), waiting_rows: 0, waiting_bytes: 0, stream: None, spilled: Vec::new() }
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = compact_views(batch)?;
        self.waiting_rows += batch.num_rows();
        // Buffers that are shared with other batches count in full: as long as this one waits, it keeps them.
        self.waiting_bytes += batch.get_array_memory_size();
        self.waiting.push(batch);
        if self.waiting_rows >= ROWS_PER_BATCH || self.waiting_bytes >= BYTES_PER_BATCH {
            self.encode_waiting()?;
        }
        Ok(())
    }

    /// Bytes of memory.
    pub(super) fn held(&self) -> usize {
        self.waiting_bytes + self.encoded()
    }

    /// Those of batches that wait to be encoded.
    pub(super) fn waiting(&self) -> usize {
        self.waiting_bytes
    }

    fn encoded(&self) -> usize {
        self.stream.as_ref().map_or(0, |stream| stream.get_ref().capacity())
    }

    pub(super) fn encode_waiting(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        (self.waiting_rows, self.waiting_bytes) = (0, 0);
        let joined = match waiting.as_slice() {
            [] => return Ok(()),
            [single] => single.clone(),
            // Joining batches of no columns would lose their rows.
            several if self.schema.fields().is_empty() => {
                return several.iter().try_for_each(|batch| self.encode(batch));
            }
            several => concat_batches(&self.schema, several)?,
        };
        drop(waiting);
        let rows = rows_per_piece(&joined);
        if rows >= joined.num_rows() {
            return self.encode(&joined);
        }
        for start in (0..joined.num_rows()).step_by(rows) {
            let piece = joined.slice(start, rows.min(joined.num_rows() - start));
            self.encode(&compact_views(&piece)?)?;
        }
        Ok(())
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<()> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
                self.stream.insert(StreamWriter::try_new_with_options(Vec::new(), &self.schema, options)?)
            }
        };
        stream.write(batch)?;
        Ok(())
    }

    /// Moves the encoded bytes to the file; returns how many.
    pub(super) fn spill(&mut self, spill: &mut Spill) -> Result<u64> {
        let Some(stream) = &mut self.stream else { return Ok(0) };
        stream.flush()?;
        let bytes = std::mem::take(stream.get_mut());
        if bytes.is_empty() {
            return Ok(0);
        }
        self.spilled.push(spill.append(&bytes)?);
        Ok(bytes.len() as u64)
    }

    pub(super) fn end(mut self) -> Result<Ended> {
        self.encode_waiting()?;
        let rest = match self.stream {
            Some(mut stream) => {
                stream.finish()?;
                stream.into_inner()?.into()
            }
            None => Bytes::new(),
        };
        Ok(Ended { spilled: self.spilled, rest })
    }
}

/// So that a decoded batch is of a size that a reader can hold many of.
fn rows_per_piece(batch: &RecordBatch) -> usize {
    let size = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(column.get_array_memory_size());
    let bytes: usize = batch.columns().iter().map(size).sum();
    // Twice, so that a batch that has just become large enough stays one.
    let pieces = (bytes / (2 * BYTES_PER_BATCH)).max(1);
    batch.num_rows().div_ceil(pieces).clamp(1, ROWS_PER_BATCH)
}

/// View arrays keep the buffers of the arrays they were cut from, and IPC writes every buffer whole: without this a shuffle of
/// strings writes each string once per partition.
fn compact_views(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch
        .columns()
        .iter()
        .map(|column| -> ArrayRef {
            match column.data_type() {
                DataType::Utf8View => std::sync::Arc::new(column.as_string_view().gc()),
                DataType::BinaryView => std::sync::Arc::new(column.as_binary_view().gc()),
                _ => std::sync::Arc::clone(column),
            }
        })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringViewArray;

    use super::*;

    fn ipc_bytes(batch: &RecordBatch) -> usize {
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(batch).unwrap();
        writer.into_inner().unwrap().len()
    }

    fn strings(rows: usize) -> RecordBatch {
        let text: ArrayRef = Arc::new(StringViewArray::from_iter_values(
            (0..rows).map(|i| format!("a string too long to be inlined {i}")),
        ));
        RecordBatch::try_from_iter([("t", text)]).unwrap()
    }

    #[test]
    fn a_cut_of_a_view_array_is_not_written_with_the_whole() {
        let part = strings(10_000).slice(0, 10);
        assert!(ipc_bytes(&part) > 100_000, "the library compacts by itself now");
        let compact = compact_views(&part).unwrap();
        assert!(ipc_bytes(&compact) < 5_000);
        assert_eq!(compact, part);
    }

    #[test]
    fn large_batches_are_cut_and_small_ones_joined() {
        let whole = strings(100_000);
        let mut buffer = PartitionBuffer::new(whole.schema());
        buffer.push(&whole).unwrap();
        for row in 0..50 {
            buffer.push(&whole.slice(row, 1)).unwrap();
        }
        assert!(buffer.waiting() > 0 && buffer.waiting() < BYTES_PER_BATCH);
        let ended = buffer.end().unwrap();
        let read = arrow_ipc::reader::StreamReader::try_new(&ended.rest[..], None).unwrap();
        let rows: Vec<_> = read.map(|batch| batch.unwrap().num_rows()).collect();
        assert_eq!((rows.iter().sum::<usize>(), rows.last()), (100_050, Some(&50)));
        assert!(rows.iter().all(|rows| *rows <= ROWS_PER_BATCH), "{rows:?}");
    }
}
