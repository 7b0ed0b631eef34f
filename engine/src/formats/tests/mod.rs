//! Scans of files in a memory store, as a query runs them.

mod bad_input;
mod codec;
mod compressed;
mod inference;
mod oracle;
mod scans;
mod splits;

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use url::Url;

use super::{TextOptions, TextSource};
use crate::error::Error;

/// Rows as text; `None` is NULL.
type Rows = Vec<Vec<Option<String>>>;

struct Lake {
    context: SessionContext,
    store: Arc<dyn ObjectStore>,
}

impl Lake {
    fn new() -> Self {
        Self::with_batch_size(8192)
    }

    fn with_batch_size(batch_size: usize) -> Self {
        let context = SessionContext::new_with_config(SessionConfig::new().with_batch_size(batch_size));
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        context.register_object_store(&Url::parse("s3://lake").unwrap(), Arc::clone(&store));
        Self { context, store }
    }

    async fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> ObjectMeta {
        let path = Path::from(path);
        self.store.put(&path, bytes.as_ref().to_vec().into()).await.unwrap();
        self.store.head(&path).await.unwrap()
    }

    fn config(&self, schema: SchemaRef, options: TextOptions, files: Vec<PartitionedFile>) -> FileScanConfigBuilder {
        let source = Arc::new(TextSource::new(schema, options));
        FileScanConfigBuilder::new(ObjectStoreUrl::parse("s3://lake").unwrap(), source)
            .with_file_group(FileGroup::new(files))
    }

    async fn scan(&self, schema: SchemaRef, options: TextOptions, files: Vec<PartitionedFile>) -> Result<Rows, Error> {
        self.run(DataSourceExec::from_data_source(self.config(schema, options, files).build())).await
    }

    /// One file of this text, scanned whole.
    async fn read(&self, text: impl AsRef<[u8]>, schema: SchemaRef, options: TextOptions) -> Result<Rows, Error> {
        let file = self.put("t/file.csv", text).await;
        self.scan(schema, options, vec![file.into()]).await
    }

    async fn run(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Rows, Error> {
        let batches = collect(plan, self.context.task_ctx()).await?;
        Ok(batches.iter().flat_map(texts).collect())
    }
}

fn texts(batch: &RecordBatch) -> Rows {
    let options = FormatOptions::default();
    let columns: Vec<_> =
        batch.columns().iter().map(|column| (column, ArrayFormatter::try_new(column, &options).unwrap())).collect();
    let cell = |(column, text): &(&Arc<dyn Array>, ArrayFormatter<'_>), row| {
        (!column.is_null(row)).then(|| text.value(row).to_string())
    };
    (0..batch.num_rows()).map(|row| columns.iter().map(|column| cell(column, row)).collect()).collect()
}

fn schema<const N: usize>(columns: [(&str, DataType); N]) -> SchemaRef {
    Arc::new(Schema::new(columns.map(|(name, data_type)| Field::new(name, data_type, true)).to_vec()))
}

fn strings(count: usize) -> SchemaRef {
    Arc::new(Schema::new(
        (0..count).map(|index| Field::new(format!("c{index}"), DataType::Utf8, true)).collect::<Vec<_>>(),
    ))
}

fn rows<const N: usize, const M: usize>(rows: [[Option<&str>; M]; N]) -> Rows {
    rows.map(|row| row.map(|cell| cell.map(str::to_string)).to_vec()).to_vec()
}

fn range(file: &ObjectMeta, start: u64, end: u64) -> PartitionedFile {
    PartitionedFile::from(file.clone()).with_range(start as i64, end as i64)
}
