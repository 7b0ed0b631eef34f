//! A task request between coordinator and worker: the plan of one scan task of a hundred files, encoded and decoded.

#![expect(clippy::unwrap_used, reason = "a bench may fail loudly")]

mod support;

use std::hint::black_box;
use std::sync::{Arc, Mutex};

use arachne_engine::invoker::{InvocationReply, InvokeError, WorkerInvoker};
use arachne_engine::measured::FragmentTrial;
use arachne_engine::protocol::TaskRequest;
use arachne_engine::query::QueryRequest;
use async_trait::async_trait;
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use tokio::runtime::Runtime;

const FILES: usize = 400;
const TASKS: &str = "4";

/// Keeps the first request, and fails each.
#[derive(Debug, Default)]
struct Keeps(Mutex<Option<Bytes>>);

#[async_trait]
impl WorkerInvoker for Keeps {
    async fn invoke(&self, payload: Bytes) -> Result<InvocationReply, InvokeError> {
        self.0.lock().unwrap().get_or_insert(payload);
        Err(InvokeError::Permanent { detail: "only asked for its request".to_owned(), permission_denied: false })
    }
}

fn task_request(runtime: &Runtime) -> Bytes {
    let (bucket, invoker) = (Arc::new(InMemory::new()), Arc::new(Keeps::default()));
    let file = Bytes::from(support::parquet(&support::lineitem(0.001, 1, 200)));
    runtime.block_on(async {
        for number in 0..FILES {
            let path = Path::from(format!("lineitem/part-{number}.parquet"));
            bucket.put(&path, PutPayload::from(file.clone())).await.unwrap();
        }
        let service = support::service(&bucket, Some(Arc::clone(&invoker) as _));
        let mut request = QueryRequest::new(
            "SELECT l_returnflag, sum(l_quantity), avg(l_extendedprice * (1 - l_discount)) \
             FROM 's3://bench/lineitem/' WHERE l_shipdate <= DATE '1998-09-02' GROUP BY l_returnflag",
        );
        let settings = [
            ("arachne.compute", "lambda"),
            ("arachne.exchange", "s3://bench/exchange/"),
            ("arachne.local_bytes", "0"),
            ("arachne.tasks_per_stage", TASKS),
        ];
        request.settings.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
        support::run(&service, request).await.unwrap_err();
    });
    invoker.0.lock().unwrap().take().unwrap()
}

fn codec(criterion: &mut Criterion) {
    let payload = task_request(&Runtime::new().unwrap());
    let request: TaskRequest = serde_json::from_slice(&payload).unwrap();
    let fragment = FragmentTrial::decode(&request).unwrap();
    let mut group = criterion.benchmark_group("codec");
    group.bench_function("encode the fragment of a task of 100 files", |b| {
        b.iter(|| black_box(&fragment).encode().unwrap());
    });
    group.bench_function("decode the fragment of a task of 100 files", |b| {
        b.iter(|| FragmentTrial::decode(black_box(&request)).unwrap());
    });
    group.bench_function("write the request as JSON", |b| b.iter(|| serde_json::to_vec(black_box(&request)).unwrap()));
    group.bench_function("read the request from JSON", |b| {
        b.iter(|| serde_json::from_slice::<TaskRequest>(black_box(&payload)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
