//! Bounds on memory, and that what was spilled reads as if it had not been.

use arrow::array::{Array, ArrayRef, Int64Array, StringViewArray};
use arrow_ipc::reader::StreamReader;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use uuid::Uuid;

use super::*;
use crate::protocol::TaskKey;

const MIB: usize = 1024 * 1024;

/// Rows of `columns` integers and one text, all different.
fn batch(columns: usize, rows: std::ops::Range<usize>) -> RecordBatch {
    let mut arrays: Vec<(String, ArrayRef)> = (0..columns)
        .map(|column| {
            // Hard to compress: the bound has to hold on what is encoded as well.
            let values =
                rows.clone().map(|row| (row as i64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) ^ column as i64);
            (format!("c{column}"), Arc::new(Int64Array::from_iter_values(values)) as ArrayRef)
        })
        .collect();
    let text = StringViewArray::from_iter_values(rows.map(|row| format!("row {row} of a table with long enough text")));
    arrays.push(("t".to_owned(), Arc::new(text)));
    RecordBatch::try_from_iter(arrays).unwrap()
}

fn context(pool: &Arc<dyn MemoryPool>) -> Arc<TaskContext> {
    let runtime: Arc<RuntimeEnv> = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(pool)).build_arc().unwrap();
    let state: SessionState = SessionStateBuilder::new().with_runtime_env(runtime).build();
    state.task_ctx()
}

fn pool(bytes: usize) -> Arc<dyn MemoryPool> {
    Arc::new(GreedyMemoryPool::new(bytes))
}

struct Written {
    output: TaskOutput,
    object: Bytes,
}

/// Spreads `batches` over the partitions row by row, and watches the memory.
async fn write(
    partitions: usize,
    batches: impl Iterator<Item = RecordBatch>,
    pool: &Arc<dyn MemoryPool>,
    most: usize,
) -> (Written, u64, usize) {
    let mut batches = batches.peekable();
    let schema = batches.peek().unwrap().schema();
    let mut writer = OutputWriter::try_new(&schema, partitions, &context(pool)).unwrap();
    writer.most_held = writer.most_held.min(most);
    let mut peak = 0;
    for batch in batches {
        for partition in 0..partitions {
            let rows = arrow::array::UInt64Array::from_iter_values(
                (partition..batch.num_rows()).step_by(partitions).map(|row| row as u64),
            );
            let part = arrow::compute::take_record_batch(&batch, &rows).unwrap();
            writer.write(partition, part).unwrap();
            peak = peak.max(writer.held);
            let sum: usize = writer.partitions.iter().map(PartitionBuffer::held).sum();
            assert_eq!(writer.held, sum, "the running sum is the sum");
            assert!(writer.held <= writer.reservation.size(), "what is held is granted");
        }
    }
    let spilled = writer.spilled();
    let store = Arc::new(InMemory::new());
    let exchange = ExchangeConfig { url: "s3://bucket/x/".to_owned() };
    let attempt = Attempt { task: TaskKey { stage: 1, task: 0 }, number: 0 };
    let run = RunId(Uuid::nil());
    let placement = OutputPlacement { inline_limit: 0 };
    let destination =
        Destination { run, attempt, placement, exchange: Some(&exchange), store: Some(Arc::clone(&store) as _) };
    let output = writer.finish(destination).await.unwrap();
    let path: Path = layout::path(&exchange, &layout::output_name(run, attempt, output.copy.unwrap())).unwrap();
    let object = store.get(&path).await.unwrap().bytes().await.unwrap();
    (Written { output, object }, spilled, peak)
}

impl Written {
    fn partition(&self, partition: usize) -> Vec<RecordBatch> {
        let range = self.output.offsets[partition] as usize..self.output.offsets[partition + 1] as usize;
        if range.is_empty() {
            return Vec::new();
        }
        StreamReader::try_new(&self.object[range], None).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn texts(&self) -> Vec<String> {
        let partitions = self.output.offsets.len() - 1;
        let mut texts: Vec<String> = (0..partitions)
            .flat_map(|partition| self.partition(partition))
            .flat_map(|batch| {
                let column = batch.column(batch.num_columns() - 1).clone();
                let column = column.as_any().downcast_ref::<StringViewArray>().unwrap().clone();
                (0..column.len()).map(|row| column.value(row).to_owned()).collect::<Vec<_>>()
            })
            .collect();
        texts.sort();
        texts
    }
}

fn expected(rows: usize) -> Vec<String> {
    let mut texts: Vec<String> = (0..rows).map(|row| format!("row {row} of a table with long enough text")).collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn many_partitions_of_wide_rows_stay_within_one_bound() {
    // 160 partitions (40 tasks of 4) of 100 columns: batches of 8192 rows for each would be a gigabyte.
    const ROWS: usize = 20_000;
    let pool = pool(1024 * MIB);
    let batches = (0..ROWS).step_by(2000).map(|start| batch(100, start..start + 2000));
    let (written, spilled, peak) = write(160, batches, &pool, 8 * MIB).await;
    assert!(peak < 9 * MIB, "{peak} bytes held");
    assert!(spilled > 0);
    assert_eq!(written.texts(), expected(ROWS));
    assert_eq!(pool.reserved(), 0);
}

#[tokio::test]
async fn a_pool_that_grants_little_is_enough() {
    const ROWS: usize = 40_000;
    let pool = pool(3 * MIB);
    let batches = (0..ROWS).step_by(4000).map(|start| batch(20, start..start + 4000));
    let (written, spilled, peak) = write(30, batches, &pool, usize::MAX).await;
    assert!(peak <= 3 * MIB && spilled > 0, "{peak} bytes held, {spilled} spilled");
    assert_eq!(written.texts(), expected(ROWS));
}

#[tokio::test]
async fn nothing_is_spilled_without_need_and_large_outputs_go_up_in_parts() {
    const ROWS: usize = 100_000;
    let pool = pool(1024 * MIB);
    let batches = (0..ROWS).step_by(8192).map(|start| batch(20, start..(start + 8192).min(ROWS)));
    let (written, spilled, _) = write(3, batches, &pool, usize::MAX).await;
    assert_eq!(spilled, 0);
    assert!(written.object.len() > 10 * MIB, "{} bytes", written.object.len());
    assert_eq!(written.texts(), expected(ROWS));
}

#[tokio::test]
async fn a_partition_without_rows_is_an_empty_range() {
    let (written, _, _) = write(5, [batch(1, 0..2)].into_iter(), &pool(MIB * 10), usize::MAX).await;
    assert!(written.partition(2).is_empty() && written.partition(4).is_empty());
    assert_eq!(written.output.offsets.len(), 6);
    assert_eq!(written.texts(), expected(2));
}
