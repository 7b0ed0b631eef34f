//! Readers of many producers at once hold no more than their room, and never wait for each other without end.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use arrow::array::{ArrayRef, Int64Array};
use arrow_ipc::writer::StreamWriter;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryReservation, UnboundedMemoryPool};
use futures::TryStreamExt as _;
use object_store::memory::InMemory;
use uuid::Uuid;

use super::*;
use crate::protocol::{Attempt, TaskKey, TaskOutput};
use crate::storage::{Metered, StoreMeter, Traffic};

const KIB: usize = 1024;

/// Remembers the most that was ever reserved.
#[derive(Debug, Default)]
struct Watched {
    inner: UnboundedMemoryPool,
    peak: AtomicUsize,
}

impl std::fmt::Display for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("watched")
    }
}

impl MemoryPool for Watched {
    fn name(&self) -> &str {
        "watched"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.inner.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.inner.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.inner.grow(reservation, additional);
        self.peak.fetch_max(self.inner.reserved(), Relaxed);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.inner.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> datafusion::error::Result<()> {
        self.grow(reservation, additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.inner.reserved()
    }
}

struct Exchange {
    source: Source,
    produced: Vec<Arc<ProducedTask>>,
    pool: Arc<Watched>,
    meter: Arc<StoreMeter>,
}

/// Producers with two partitions each of about `bytes`; every value is its producer's number.
async fn exchange(producers: u32, bytes: usize, most: usize) -> Exchange {
    let (memory, meter, pool) = (InMemory::new(), Arc::new(StoreMeter::default()), Arc::new(Watched::default()));
    let (run, config) = (RunId(Uuid::nil()), ExchangeConfig { url: "s3://bucket/x/".to_owned() });
    let mut produced = Vec::new();
    for task in 0..producers {
        let attempt = Attempt { task: TaskKey { stage: 1, task }, number: 0 };
        let partition = partition(task, bytes);
        let path = layout::path(&config, &layout::output_name(run, attempt, Uuid::nil())).unwrap();
        memory.put(&path, [partition.clone(), partition.clone()].concat().into()).await.unwrap();
        let length = partition.len() as u64;
        let output =
            TaskOutput { offsets: vec![0, length, 2 * length], inline: None, copy: Some(Uuid::nil()), rows: 0 };
        produced.push(Arc::new(ProducedTask { attempt, output }));
    }
    let store: Arc<dyn ObjectStore> = Arc::new(Metered::new(Arc::new(memory), Arc::clone(&meter), Traffic::Exchange));
    let as_pool = Arc::clone(&pool) as Arc<dyn MemoryPool>;
    let memory = ReaderMemory::with_most(&as_pool, most);
    Exchange { source: Source { run, exchange: Some((config, store)), memory }, produced, pool, meter }
}

/// An IPC stream of batches of 8 KiB, without compression.
fn partition(task: u32, bytes: usize) -> Vec<u8> {
    let column: ArrayRef = Arc::new(Int64Array::from(vec![i64::from(task); KIB]));
    let batch = RecordBatch::try_from_iter([("task", column)]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    for _ in 0..bytes.div_ceil(8 * KIB) {
        writer.write(&batch).unwrap();
    }
    writer.into_inner().unwrap()
}

fn sum(batches: &[RecordBatch]) -> i64 {
    batches
        .iter()
        .map(|batch| arrow::compute::sum(batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap()).unwrap_or(0))
        .sum()
}

#[tokio::test]
async fn both_partitions_of_a_consumer_are_one_request() {
    let exchange = exchange(1, 100 * KIB, 1024 * KIB).await;
    let streams = open_partitions(&exchange.source, &exchange.produced[0], &[0, 1]).unwrap();
    for stream in streams {
        assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap().len(), 13);
    }
    assert_eq!(exchange.meter.snapshot().get, 1);
    assert_eq!(exchange.pool.reserved(), 0, "all room is given back");
}

#[tokio::test(start_paused = true)]
async fn readers_of_many_producers_hold_no_more_than_their_room() {
    const MOST: usize = 1024 * KIB;
    let exchange = exchange(100, 100 * KIB, MOST).await;
    let streams =
        exchange.produced.iter().flat_map(|produced| open_partitions(&exchange.source, produced, &[0]).unwrap());
    let batches: Vec<_> = stream::select_all(streams).try_collect().await.unwrap();
    assert_eq!(sum(&batches), 13 * 1024 * (99 * 100 / 2));
    let peak = exchange.pool.peak.load(Relaxed);
    assert!(peak <= MOST && peak > MOST / 2, "{peak} bytes held");
    assert_eq!(exchange.meter.snapshot().get, 100, "and each is still one request");
    assert_eq!(exchange.pool.reserved(), 0);
}

#[tokio::test(start_paused = true)]
async fn readers_that_need_each_other_go_on() {
    // A merge wants one batch of every input before it takes the second of any.
    let exchange = exchange(20, 3 * 1024 * KIB, 2048 * KIB).await;
    let mut streams: Vec<_> = exchange
        .produced
        .iter()
        .flat_map(|produced| open_partitions(&exchange.source, produced, &[0]).unwrap())
        .collect();
    let mut batches = Vec::new();
    loop {
        let mut round = Vec::new();
        for stream in &mut streams {
            round.extend(stream.next().await);
        }
        if round.is_empty() {
            break;
        }
        batches.extend(round.into_iter().map(|batch| batch.unwrap()));
    }
    assert_eq!(sum(&batches), 384 * 1024 * (19 * 20 / 2));
    let peak = exchange.pool.peak.load(Relaxed);
    assert!(peak <= 2048 * KIB + 20 * 1024 * KIB, "{peak} bytes held");
    assert_eq!(exchange.pool.reserved(), 0);
}

#[test]
fn the_room_follows_the_pool() {
    let room = |bytes| {
        let pool: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(bytes));
        ReaderMemory::new(&pool).free_bytes() / KIB / KIB
    };
    assert_eq!((room(10 << 20), room(1 << 30), room(64 << 30)), (16, 128, 256));
}
