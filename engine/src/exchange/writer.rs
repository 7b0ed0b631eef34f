//! Collects a task's output by partition and places it: inline when it is small, else as one object.
//!
//! Memory is bounded over all partitions: above [`MOST_HELD`], or above what the memory pool grants, batches that wait are
//! encoded first, and what is encoded then goes to a temporary file.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use object_store::ObjectStore;
use uuid::Uuid;

use super::layout;
use super::partition_buffer::{Ended, PartitionBuffer};
use super::spill::{Spill, Spilled};
use super::upload::{UPLOAD_BYTES, upload};
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::{Attempt, Blob, ExchangeConfig, OutputPlacement, RunId, TaskOutput};

/// Bytes that the writer of a task holds at most, besides the batch at hand.
const MOST_HELD: usize = 128 * 1024 * 1024;

/// The pool is asked for memory in steps, not for every batch.
const STEP: usize = 1024 * 1024;

/// The output of one attempt, in the making.
pub(crate) struct OutputWriter {
    partitions: Vec<PartitionBuffer>,
    /// The sum over all partitions.
    held: usize,
    most_held: usize,
    reservation: MemoryReservation,
    context: Arc<TaskContext>,
    rows: u64,
    spill: Option<Spill>,
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
        let consumer = MemoryConsumer::new("exchange writer").with_can_spill(true);
        Ok(Self {
            partitions: (0..partitions).map(|_| PartitionBuffer::new(Arc::clone(schema))).collect(),
            held: 0,
            most_held: MOST_HELD,
            reservation: consumer.register(context.memory_pool()),
            context: Arc::clone(context),
            rows: 0,
            spill: None,
            spilled: 0,
        })
    }

    pub(crate) fn write(&mut self, partition: usize, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as u64;
        self.change(partition, |partition| partition.push(&batch))?;
        if !self.fits() {
            self.make_room()?;
        }
        Ok(())
    }

    /// Changes one partition and keeps the sum right.
    fn change<T>(&mut self, partition: usize, change: impl FnOnce(&mut PartitionBuffer) -> Result<T>) -> Result<T> {
        let partition = &mut self.partitions[partition];
        let before = partition.held();
        let result = change(partition);
        self.held = self.held - before + partition.held();
        result
    }

    /// Whether what is held is within the bound and granted.
    fn fits(&self) -> bool {
        let granted = self.reservation.size();
        self.held <= self.most_held
            && (self.held <= granted || self.reservation.try_resize(self.held.next_multiple_of(STEP)).is_ok())
    }

    /// Halves what is held at the least, so that the next batches find room.
    fn make_room(&mut self) -> Result<()> {
        let target = self.held.min(self.most_held) / 2;
        let waiting: usize = self.partitions.iter().map(PartitionBuffer::waiting).sum();
        // Encoded rows take a third of the room or less. Few large batches encode better than many small ones.
        let average = waiting / self.partitions.len().max(1);
        self.encode_waiting(average.max(1))?;
        if self.held > target {
            self.spill()?;
        }
        if self.held > target {
            self.encode_waiting(1)?;
            self.spill()?;
        }
        self.reservation.try_resize(self.held.next_multiple_of(STEP)).or_else(|_| {
            self.encode_waiting(1)?;
            self.spill()?;
            self.reservation.free();
            Ok(())
        })
    }

    /// Encodes what waits in partitions that hold so many bytes of it at least.
    fn encode_waiting(&mut self, at_least: usize) -> Result<()> {
        for partition in 0..self.partitions.len() {
            if self.partitions[partition].waiting() >= at_least {
                self.change(partition, PartitionBuffer::encode_waiting)?;
            }
        }
        Ok(())
    }

    /// Moves everything that is encoded to the file.
    fn spill(&mut self) -> Result<()> {
        let mut spill = match self.spill.take() {
            Some(spill) => spill,
            None => Spill::create(&self.context)?,
        };
        for partition in 0..self.partitions.len() {
            self.spilled += self.change(partition, |partition| partition.spill(&mut spill))?;
        }
        self.spill = Some(spill);
        Ok(())
    }

    /// Bytes that went to temporary files.
    pub(crate) fn spilled(&self) -> u64 {
        self.spilled
    }

    /// Ends every partition and places the whole: after this the output is complete, or the attempt has failed.
    pub(crate) async fn finish(self, destination: Destination<'_>) -> Result<TaskOutput> {
        let Self { partitions, reservation, rows, spill, .. } = self;
        let spilled = spill.map(Spill::finish).transpose()?;
        let (mut ended, mut offsets, mut total) = (Vec::with_capacity(partitions.len()), vec![0], 0);
        for partition in partitions {
            let partition = partition.end()?;
            total += partition.length();
            offsets.push(total);
            ended.push(partition);
        }
        let (inline, copy) = if total <= destination.placement.inline_limit {
            let whole: Vec<Bytes> = chunks(ended, spilled).try_collect().await?;
            (Some(Blob(whole.concat().into())), None)
        } else {
            if spilled.is_some() {
                reservation.grow(UPLOAD_BYTES);
            }
            (None, Some(place(chunks(ended, spilled), total, destination).await?))
        };
        Ok(TaskOutput { offsets, inline, copy, rows })
    }
}

/// Writes an object of a name that nobody else writes.
async fn place(chunks: impl Stream<Item = Result<Bytes>>, total: u64, destination: Destination<'_>) -> Result<Uuid> {
    let (Some(exchange), Some(store)) = (destination.exchange, destination.store) else {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            format!("a task's output of {total} bytes needs an exchange location, and none is set"),
        )
        .with_hint("set exchange.location to s3://bucket/prefix/ (ARACHNE_EXCHANGE__LOCATION)"));
    };
    let copy = Uuid::new_v4();
    let path = layout::path(exchange, &layout::output_name(destination.run, destination.attempt, copy))?;
    upload(&store, &path, total, chunks).await?;
    Ok(copy)
}

/// All partitions in order; of each what was spilled, then the rest.
fn chunks(partitions: Vec<Ended>, spilled: Option<Spilled>) -> impl Stream<Item = Result<Bytes>> {
    stream::iter(partitions).flat_map(move |partition| {
        let rest = stream::iter([Ok(partition.rest)]);
        match &spilled {
            Some(spilled) => spilled.read(partition.spilled).chain(rest).boxed(),
            None => rest.boxed(),
        }
    })
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
