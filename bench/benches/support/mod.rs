//! What the micro-benches share: rows of TPC-H, and a query service over stores in memory.

use std::sync::Arc;

use arachne_catalog::MemoryCatalog;
use arachne_engine::access::Access;
use arachne_engine::invoker::WorkerInvoker;
use arachne_engine::query::{
    Coordination, EngineSettings, NoObserver, PriceBook, QueryRequest, QueryService, QueryServiceParts,
};
use arachne_engine::storage::ObjectStores;
use arrow::array::RecordBatch;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use parquet::arrow::ArrowWriter;
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::LineItemArrow;
use url::Url;

/// One part of `lineitem`.
pub(crate) fn lineitem(scale: f64, part: i32, parts: i32) -> Vec<RecordBatch> {
    LineItemArrow::new(LineItemGenerator::new(scale, part, parts)).collect()
}

pub(crate) fn parquet(rows: &[RecordBatch]) -> Vec<u8> {
    let mut writer = ArrowWriter::try_new(Vec::new(), rows[0].schema(), None).unwrap();
    rows.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

/// A service over the bucket `bench`, which lies in memory. Nothing is cached between queries but footers.
pub(crate) fn service(bucket: &Arc<InMemory>, invoker: Option<Arc<dyn WorkerInvoker>>) -> QueryService {
    let stores = ObjectStores::new(Default::default());
    stores.insert(&Url::parse("s3://bench/").unwrap(), Arc::clone(bucket) as Arc<dyn ObjectStore>).unwrap();
    let parts = QueryServiceParts {
        catalog: Arc::new(MemoryCatalog::new()),
        stores: Arc::new(stores),
        invoker,
        settings: EngineSettings::default(),
        prices: PriceBook::built_in().unwrap(),
        clock: || 0,
        coordination: Coordination::default(),
        access: Access::default(),
        observer: Arc::new(NoObserver),
    };
    QueryService::try_new(parts).unwrap()
}

/// Runs a query to its last row.
pub(crate) async fn run(service: &QueryService, request: QueryRequest) -> arachne_engine::Result<Vec<RecordBatch>> {
    let mut handle = service.start(request);
    handle.results().await?.try_collect().await
}
