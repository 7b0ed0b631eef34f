//! Writes one result.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use bytes::Bytes;
use datafusion::error::DataFusionError;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use tokio::io::AsyncWriteExt as _;

use super::ROWS_PER_BATCH_KEY;
use crate::error::Result;

/// Results above this go up in parts of this size.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// Nothing can be read before [`finish`](Self::finish) has returned; a writer that is dropped leaves nothing, but for the parts
/// of an upload that S3 drops by its rule for incomplete ones.
pub(in crate::query) struct ResultWriter {
    schema: SchemaRef,
    file: FileWriter<Vec<u8>>,
    upload: BufWriter,
    rows: Vec<String>,
}

impl ResultWriter {
    pub(super) fn try_new(store: Arc<dyn ObjectStore>, path: Path, schema: &SchemaRef) -> Result<Self> {
        let schema = without_dictionaries(schema);
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME))?;
        let file = FileWriter::try_new_with_options(Vec::new(), &schema, options)?;
        Ok(Self { schema, file, upload: BufWriter::with_capacity(store, path, PART_BYTES), rows: Vec::new() })
    }

    pub(in crate::query) async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.rows.push(batch.num_rows().to_string());
        self.file.write(&compact(batch, &self.schema)?)?;
        self.send().await
    }

    /// After this the result is there.
    pub(in crate::query) async fn finish(mut self) -> Result<()> {
        self.file.write_metadata(ROWS_PER_BATCH_KEY, self.rows.join(","));
        self.file.finish()?;
        self.send().await?;
        Ok(self.upload.shutdown().await.map_err(DataFusionError::IoError)?)
    }

    /// Gives up; what has gone up already is removed.
    pub(in crate::query) async fn abort(mut self) {
        if let Err(error) = self.upload.abort().await {
            tracing::debug!(%error, "parts of a result were left to the bucket's rule for incomplete uploads");
        }
    }

    async fn send(&mut self) -> Result<()> {
        let encoded = Bytes::from(std::mem::take(self.file.get_mut()));
        Ok(self.upload.put(encoded).await?)
    }
}

/// A file may not replace a dictionary from batch to batch, so there are none in it.
fn without_dictionaries(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Dictionary(_, values) => Field::new(field.name(), values.as_ref().clone(), field.is_nullable())
            .with_metadata(field.metadata().clone()),
        _ => field.as_ref().clone(),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}

/// Views hold on to buffers that may be far larger than what they show.
fn compact(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |(column, field): (&ArrayRef, &Arc<Field>)| -> Result<ArrayRef> {
        Ok(match field.data_type() {
            DataType::Utf8View if column.data_type() == &DataType::Utf8View => Arc::new(column.as_string_view().gc()),
            DataType::BinaryView if column.data_type() == &DataType::BinaryView => {
                Arc::new(column.as_binary_view().gc())
            }
            wanted if wanted != column.data_type() => cast(column, wanted)?,
            _ => Arc::clone(column),
        })
    };
    let columns = batch.columns().iter().zip(schema.fields()).map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
