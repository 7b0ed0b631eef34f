//! A scan of one table through our storage layer, as a whole query: Parquet and CSV, from memory and from a local file.

#![expect(clippy::unwrap_used, reason = "a bench may fail loudly")]

mod support;

use std::sync::Arc;

use arachne_engine::query::QueryRequest;
use arrow::array::RecordBatch;
use arrow::csv::Writer;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use tokio::runtime::Runtime;

/// Files of the table: more than one, so that cores have something to share.
const FILES: i32 = 4;

fn csv(rows: &[RecordBatch]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    rows.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner()
}

fn scan(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (bucket, dir) = (Arc::new(InMemory::new()), tempfile::tempdir().unwrap());
    let mut bytes = [0, 0];
    for file in 1..=FILES {
        let rows = support::lineitem(0.1, file, FILES);
        for (index, (format, content)) in
            [("parquet", support::parquet(&rows)), ("csv", csv(&rows))].into_iter().enumerate()
        {
            bytes[index] += content.len() as u64;
            let folder = dir.path().join(format);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{file}.{format}")), &content).unwrap();
            let path = Path::from(format!("{format}/{file}.{format}"));
            runtime.block_on(bucket.put(&path, PutPayload::from(content))).unwrap();
        }
    }
    let service = support::service(&bucket, None);
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(20);
    for (format, bytes) in ["parquet", "csv"].into_iter().zip(bytes) {
        for (from, folder) in [
            ("memory", format!("s3://bench/{format}/")),
            ("a local file", format!("{}/", dir.path().join(format).display())),
        ] {
            group.throughput(Throughput::Bytes(bytes));
            // Sums: statistics do not answer them.
            for (what, columns) in [
                (
                    "six columns",
                    "sum(l_orderkey), sum(l_quantity), sum(l_tax), sum(l_extendedprice), sum(length(l_shipmode)), sum(length(l_comment))",
                ),
                ("one column", "sum(l_discount)"),
            ] {
                let sql = format!("SELECT {columns} FROM '{folder}'");
                group.bench_function(format!("{format} from {from}, {what}"), |b| {
                    b.to_async(&runtime).iter(|| async {
                        // Whatever else is kept: of these rows nothing is.
                        let rows = support::run(&service, QueryRequest::new(&sql)).await.unwrap();
                        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
                    });
                });
            }
        }
    }
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
