//! Arrow IPC stream (`application/vnd.apache.arrow.stream`).

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;

use super::ResultEncoder;
use super::wire_schema::{to_wire, wire_schema};

/// Schema message, a message per batch, end marker.
#[derive(Default)]
pub struct ArrowStreamEncoder {
    open: Option<(SchemaRef, StreamWriter<Vec<u8>>)>,
}

impl ResultEncoder for ArrowStreamEncoder {
    fn begin(&mut self, schema: &SchemaRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let schema = wire_schema(schema);
        let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
        out.append(writer.get_mut());
        self.open = Some((schema, writer));
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let Some((schema, writer)) = &mut self.open else { return Ok(()) };
        writer.write(&to_wire(batch, schema)?)?;
        out.append(writer.get_mut());
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let Some((_, mut writer)) = self.open.take() else { return Ok(()) };
        writer.finish()?;
        out.append(writer.get_mut());
        Ok(())
    }
}
