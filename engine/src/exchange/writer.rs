//! Collects a task's output by partition and places it: inline when it is small, else as one object.
//!
//! Memory is bounded: encoded partitions above [`SPILL_ABOVE`] in total, or above what the memory pool grants, go to temporary files.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::BatchCoalescer;
use arrow::datatypes::{DataType, SchemaRef};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use bytes::Bytes;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SpillFile, SpillWriter};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::io::AsyncWriteExt as _;

use super::layout;
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::{Attempt, Blob, ExchangeConfig, OutputPlacement, RunId, TaskOutput};

/// Rows per encoded batch: small batches are joined before they are compressed.
const ROWS_PER_BATCH: usize = 8192;

/// Bytes of encoded output that are held in memory before they are spilled.
const SPILL_ABOVE: usize = 128 * 1024 * 1024;

/// Objects above this go up in parts of this size.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// The output of one attempt, in the making.
pub(crate) struct OutputWriter {
    partitions: Vec<PartitionBuffer>,
    reservation: MemoryReservation,
    context: Arc<TaskContext>,
    rows: u64,
    spilled: u64,
}

/// Where the output goes.
pub(crate) struct Destination<'a> {
    pub(crate) run: RunId,
    pub(crate) attempt: Attempt,
    pub(crate) placement: OutputPlacement,
    pub(crate) exchange: Option<&'a ExchangeConfig>,
    pub(crate) store: Option<Arc<dyn ObjectStore>>,
}

impl OutputWriter {
    pub(crate) fn try_new(schema: &SchemaRef, partitions: usize, context: &Arc<TaskContext>) -> Result<Self> {
        let reservation = MemoryConsumer::new("exchange writer").register(context.memory_pool());
        let partitions = (0..partitions).map(|_| PartitionBuffer::new(Arc::clone(schema))).collect();
        Ok(Self { partitions, reservation, context: Arc::clone(context), rows: 0, spilled: 0 })
    }

    pub(crate) fn write(&mut self, partition: usize, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.partitions[partition].push(batch)?;
        let held: usize = self.partitions.iter().map(PartitionBuffer::held).sum();
        if held > SPILL_ABOVE || self.reservation.try_resize(held).is_err() {
            for partition in &mut self.partitions {
                self.spilled += partition.spill(&self.context)?;
            }
            self.reservation.free();
        }
        Ok(())
    }

    /// Bytes that went to temporary files.
    pub(crate) fn spilled(&self) -> u64 {
        self.spilled
    }

    /// Ends every partition and places the whole: after this the output is complete, or the attempt has failed.
    pub(crate) async fn finish(mut self, destination: Destination<'_>) -> Result<TaskOutput> {
        let mut offsets = vec![0];
        let mut total = 0;
        for partition in &mut self.partitions {
            total += partition.close()?;
            offsets.push(total);
        }
        let inline = if total <= destination.placement.inline_limit {
            Some(Blob(gather(self.partitions, total).await?))
        } else {
            upload(self.partitions, total, destination).await?;
            None
        };
        Ok(TaskOutput { offsets, inline, rows: self.rows })
    }
}

async fn upload(partitions: Vec<PartitionBuffer>, total: u64, destination: Destination<'_>) -> Result<()> {
    let (Some(exchange), Some(store)) = (destination.exchange, destination.store) else {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            format!("a task's output of {total} bytes needs an exchange location, and none is set"),
        )
        .with_hint("set exchange.location to s3://bucket/prefix/ (ARACHNE_EXCHANGE__LOCATION)"));
    };
    let path = layout::path(exchange, &layout::output_name(destination.run, destination.attempt))?;
    if total <= PART_BYTES as u64 {
        store.put(&path, gather(partitions, total).await?.into()).await?;
        return Ok(());
    }
    let mut upload = BufWriter::with_capacity(store, path, PART_BYTES);
    for partition in partitions {
        let mut chunks = partition.chunks()?;
        while let Some(chunk) = chunks.try_next().await? {
            upload.put(chunk).await?;
        }
    }
    upload.shutdown().await.map_err(|error| Error::from(DataFusionError::IoError(error)))
}

/// All partitions in one buffer of `total` bytes.
async fn gather(partitions: Vec<PartitionBuffer>, total: u64) -> Result<Bytes> {
    let mut bytes = Vec::with_capacity(total as usize);
    for partition in partitions {
        let mut chunks = partition.chunks()?;
        while let Some(chunk) = chunks.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(bytes.into())
}

/// One partition: batches on their way in, encoded bytes in memory, and bytes already spilled.
struct PartitionBuffer {
    coalescer: BatchCoalescer,
    schema: SchemaRef,
    stream: Option<StreamWriter<Vec<u8>>>,
    ended: Vec<u8>,
    spilled: Option<Spilled>,
}

struct Spilled {
    file: Arc<dyn SpillFile>,
    writer: Box<dyn SpillWriter>,
    length: u64,
}

impl PartitionBuffer {
    fn new(schema: SchemaRef) -> Self {
        let coalescer = BatchCoalescer::new(Arc::clone(&schema), ROWS_PER_BATCH);
        Self { coalescer, schema, stream: None, ended: Vec::new(), spilled: None }
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if batch.num_columns() == 0 {
            return self.encode(&batch);
        }
        self.coalescer.push_batch(batch)?;
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.encode(&batch)?;
        }
        Ok(())
    }

    fn encode(&mut self, batch: &RecordBatch) -> Result<()> {
        let compact = compact_views(batch)?;
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
                self.stream.insert(StreamWriter::try_new_with_options(Vec::new(), &self.schema, options)?)
            }
        };
        stream.write(&compact)?;
        Ok(())
    }

    /// Bytes in memory.
    fn held(&self) -> usize {
        self.stream.as_ref().map_or(0, |stream| stream.get_ref().len()) + self.coalescer.get_buffered_rows() * 64
    }

    /// Moves the encoded bytes to a temporary file; returns how many.
    fn spill(&mut self, context: &TaskContext) -> Result<u64> {
        let Some(stream) = &mut self.stream else { return Ok(0) };
        stream.flush()?;
        let bytes = std::mem::take(stream.get_mut());
        if bytes.is_empty() {
            return Ok(0);
        }
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            None => {
                let file = context.runtime_env().disk_manager.create_tmp_file("exchange writer")?;
                let writer = file.open_writer()?;
                self.spilled.insert(Spilled { file, writer, length: 0 })
            }
        };
        spilled.writer.write_all(&bytes).map_err(spill_error)?;
        spilled.length += bytes.len() as u64;
        Ok(bytes.len() as u64)
    }

    /// Ends the stream; returns the partition's length in bytes, 0 for a partition without rows.
    fn close(&mut self) -> Result<u64> {
        self.coalescer.finish_buffered_batch()?;
        while let Some(batch) = self.coalescer.next_completed_batch() {
            self.encode(&batch)?;
        }
        if let Some(mut stream) = self.stream.take() {
            stream.finish()?;
            self.ended = stream.into_inner()?;
        }
        let mut length = self.ended.len() as u64;
        if let Some(spilled) = &mut self.spilled {
            spilled.writer.finish()?;
            length += spilled.length;
        }
        Ok(length)
    }

    /// The bytes of a closed partition, in order: what was spilled in pieces, then the rest.
    fn chunks(self) -> Result<BoxStream<'static, Result<Bytes>>> {
        let rest = stream::iter([Ok(Bytes::from(self.ended))]);
        Ok(match self.spilled {
            Some(spilled) => {
                let Spilled { file, .. } = spilled;
                let pieces = file.read_stream()?.map_err(Error::from);
                // The file is deleted when its last handle goes.
                pieces.chain(rest).map(move |chunk| (chunk, &file).0).boxed()
            }
            None => rest.boxed(),
        })
    }
}

/// View arrays keep the buffers of the arrays they were cut from, and IPC writes every buffer whole: without this a shuffle of
/// strings writes each string once per partition.
fn compact_views(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch
        .columns()
        .iter()
        .map(|column| -> ArrayRef {
            match column.data_type() {
                DataType::Utf8View => Arc::new(column.as_string_view().gc()),
                DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
                _ => Arc::clone(column),
            }
        })
        .collect();
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

fn spill_error(error: std::io::Error) -> Error {
    Error::new(ErrorCode::ResourceExhausted, format!("cannot spill to the temporary folder: {error}"))
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;

    use super::*;

    fn ipc_bytes(batch: &RecordBatch) -> usize {
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        writer.write(batch).unwrap();
        writer.into_inner().unwrap().len()
    }

    #[test]
    fn a_cut_of_a_view_array_is_not_written_with_the_whole() {
        let text: ArrayRef = Arc::new(StringViewArray::from_iter_values(
            (0..10_000).map(|i| format!("a string too long to be inlined {i}")),
        ));
        let part = RecordBatch::try_from_iter([("t", text)]).unwrap().slice(0, 10);
        assert!(ipc_bytes(&part) > 100_000, "the library compacts by itself now");
        let compact = compact_views(&part).unwrap();
        assert!(ipc_bytes(&compact) < 5_000);
        assert_eq!(compact, part);
    }
}
