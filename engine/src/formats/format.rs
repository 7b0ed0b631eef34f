//! DataFusion's file format for delimited text: infers columns, makes scans.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{GetExt, Statistics};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder, FileSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use object_store::{ObjectMeta, ObjectStore};

use crate::error::Error;

use super::infer::infer;
use super::options::TextOptions;
use super::source::TextSource;

/// Delimited text as [`TextOptions`] describe it. It does not write.
#[derive(Debug, Clone)]
pub struct TextFormat {
    options: TextOptions,
}

impl TextFormat {
    pub fn new(options: TextOptions) -> Self {
        Self { options }
    }

    pub fn options(&self) -> &TextOptions {
        &self.options
    }

    /// About how many rows a file has, by its size and the types of its columns: within a factor of two or three, to order joins by.
    pub(crate) fn estimated_rows(&self, schema: &Schema, file: &ObjectMeta) -> u64 {
        let unpacked = match self.options.compression.of(file.location.as_ref()) {
            Some(_) => file.size.saturating_mul(COMPRESSION),
            None => file.size,
        };
        let row: u64 = schema.fields().iter().map(|field| characters(field.data_type()) + 1).sum();
        unpacked.div_ceil(row.max(1))
    }
}

/// Of which text is so many times as long as what a codec makes of it.
const COMPRESSION: u64 = 4;

/// Of a usual value.
fn characters(data_type: &DataType) -> u64 {
    match data_type {
        DataType::Timestamp(..) => 19,
        DataType::Date32 => 10,
        number if number.is_numeric() => 8,
        DataType::Boolean => 5,
        _ => 12,
    }
}

#[async_trait]
impl FileFormat for TextFormat {
    fn get_ext(&self) -> String {
        "csv".to_string()
    }

    fn get_ext_with_compression(&self, compression: &FileCompressionType) -> Result<String> {
        Ok(format!("csv{}", compression.get_ext()))
    }

    /// Ours to handle, file by file: for DataFusion the files are plain.
    fn compression_type(&self) -> Option<FileCompressionType> {
        Some(FileCompressionType::UNCOMPRESSED)
    }

    /// The schema of [`infer`]; call that instead where the options it found are wanted too.
    async fn infer_schema(
        &self,
        _: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        objects: &[ObjectMeta],
    ) -> Result<SchemaRef> {
        Ok(infer(&self.options, store, objects).await?.schema)
    }

    async fn infer_stats(
        &self,
        _: &dyn Session,
        _: &Arc<dyn ObjectStore>,
        table_schema: SchemaRef,
        _: &ObjectMeta,
    ) -> Result<Statistics> {
        Ok(Statistics::new_unknown(&table_schema))
    }

    async fn create_physical_plan(&self, _: &dyn Session, conf: FileScanConfig) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(source) = conf.file_source().downcast_ref::<TextSource>() else {
            return Err(Error::internal("a text scan was planned over the source of another format").into());
        };
        let source = Arc::new(source.with_options(self.options.clone()));
        Ok(DataSourceExec::from_data_source(FileScanConfigBuilder::from(conf).with_source(source).build()))
    }

    fn file_source(&self, table_schema: TableSchema) -> Arc<dyn FileSource> {
        Arc::new(TextSource::new(table_schema, self.options.clone()))
    }
}
