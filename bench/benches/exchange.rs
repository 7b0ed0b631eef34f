//! The output of one shuffle task through the exchange, in memory: written by partition, read by consumers.

#![expect(clippy::unwrap_used, reason = "a bench may fail loudly")]

use std::sync::Arc;

use arachne_engine::measured::ExchangeTrial;
use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::LineItemArrow;

/// Rows are dealt out in turn, as a hash would.
fn dealt(rows: &[RecordBatch], partitions: usize) -> Vec<(usize, RecordBatch)> {
    let mut dealt = Vec::new();
    for batch in rows {
        for partition in 0..partitions {
            let taken = (partition..batch.num_rows()).step_by(partitions).map(|row| row as u64);
            dealt.push((partition, take_record_batch(batch, &UInt64Array::from_iter_values(taken)).unwrap()));
        }
    }
    dealt
}

fn exchange(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let rows: Vec<RecordBatch> = LineItemArrow::new(LineItemGenerator::new(0.05, 1, 1)).collect();
    let bytes: usize = rows.iter().map(RecordBatch::get_array_memory_size).sum();
    let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
    let mut group = criterion.benchmark_group("exchange");
    group.sample_size(20).throughput(Throughput::Bytes(bytes as u64));
    for partitions in [8, 64] {
        let dealt = dealt(&rows, partitions);
        group.bench_with_input(BenchmarkId::new("write partitions", partitions), &dealt, |b, dealt| {
            b.to_async(&runtime).iter(|| async { ExchangeTrial::default().write(partitions, dealt).await.unwrap() });
        });
        let trial = ExchangeTrial::default();
        let produced = runtime.block_on(trial.write(partitions, &dealt)).unwrap();
        group.bench_with_input(BenchmarkId::new("read partitions", partitions), &produced, |b, produced| {
            b.to_async(&runtime).iter(|| async {
                let mut read = 0;
                for partition in 0..partitions {
                    read += trial.read(&Arc::clone(produced), partition).await.unwrap();
                }
                assert_eq!(read, count);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, exchange);
criterion_main!(benches);
