//! A Parquet file, zstd.

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::ResultEncoder;
use super::wire_schema::{to_wire, wire_schema};

/// Bytes of encoded rows that are held before a row group is closed.
const ROW_GROUP_BYTES: usize = 128 << 20;

/// Row groups are written as they fill; the footer comes with `end`.
#[derive(Default)]
pub struct ParquetEncoder {
    open: Option<(SchemaRef, ArrowWriter<Vec<u8>>)>,
}

impl ResultEncoder for ParquetEncoder {
    fn begin(&mut self, schema: &SchemaRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let schema = wire_schema(schema);
        let compression = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut writer =
            ArrowWriter::try_new(Vec::new(), SchemaRef::clone(&schema), Some(properties)).map_err(readable)?;
        out.append(writer.inner_mut());
        self.open = Some((schema, writer));
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let Some((schema, writer)) = &mut self.open else { return Ok(()) };
        writer.write(&to_wire(batch, schema)?).map_err(readable)?;
        if writer.in_progress_size() > ROW_GROUP_BYTES {
            writer.flush().map_err(readable)?;
        }
        out.append(writer.inner_mut());
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let Some((_, writer)) = self.open.take() else { return Ok(()) };
        let mut rest = writer.into_inner().map_err(readable)?;
        out.append(&mut rest);
        Ok(())
    }
}

/// Some types have no form in Parquet, which is nobody's bad data.
fn readable(error: ParquetError) -> ArrowError {
    match error {
        ParquetError::NYI(text) => ArrowError::NotYetImplemented(text),
        other => other.into(),
    }
}
