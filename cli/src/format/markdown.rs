//! Markdown tables, for issues and pages: nothing is cut, a line at a time.

use arachne_server::format::{CellFormatter, ResultEncoder, is_numeric};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::table::texts;

#[derive(Default)]
pub(super) struct MarkdownEncoder {
    cells: CellFormatter,
}

impl ResultEncoder for MarkdownEncoder {
    fn begin(&mut self, schema: &SchemaRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        line(schema.fields().iter().map(|field| escape(field.name())), out);
        let rules = schema.fields().iter().map(|field| if is_numeric(field.data_type()) { "---:" } else { "---" });
        line(rules.map(String::from), out);
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        for row in texts(&self.cells, batch)? {
            line(row.iter().map(|text| escape(text)), out);
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<(), ArrowError> {
        Ok(())
    }
}

fn line(cells: impl Iterator<Item = String>, out: &mut Vec<u8>) {
    out.push(b'|');
    for cell in cells {
        out.extend_from_slice(format!(" {cell} |").as_bytes());
    }
    out.push(b'\n');
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}
