//! CSV (RFC 4180, line ends `\n`) and the same with tabs.
//!
//! NULL is an empty field, an empty string is `""`, so that the two stay apart. Arrow's own CSV writer keeps them
//! together and refuses nested types, hence this one.

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::{CellFormatter, ResultEncoder};

/// Header first, then a line per row.
pub struct DelimitedEncoder {
    delimiter: u8,
    cells: CellFormatter,
}

impl DelimitedEncoder {
    pub fn csv() -> Self {
        Self { delimiter: b',', cells: CellFormatter::default() }
    }

    pub fn tsv() -> Self {
        Self { delimiter: b'\t', cells: CellFormatter::default() }
    }
}

impl ResultEncoder for DelimitedEncoder {
    fn begin(&mut self, schema: &SchemaRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        for (index, field) in schema.fields().iter().enumerate() {
            if index > 0 {
                out.push(self.delimiter);
            }
            write_field(field.name(), self.delimiter, out);
        }
        out.push(b'\n');
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let schema = batch.schema();
        let fields = schema.fields().iter().zip(batch.columns());
        let mut columns =
            fields.map(|(field, array)| self.cells.column(field, array)).collect::<Result<Vec<_>, _>>()?;
        let mut text = String::new();
        for row in 0..batch.num_rows() {
            for (index, column) in columns.iter_mut().enumerate() {
                if index > 0 {
                    out.push(self.delimiter);
                }
                text.clear();
                if column.write(row, &mut text)? {
                    write_field(&text, self.delimiter, out);
                }
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<(), ArrowError> {
        Ok(())
    }
}

fn write_field(text: &str, delimiter: u8, out: &mut Vec<u8>) {
    let special = |byte: u8| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r');
    if !text.is_empty() && !text.bytes().any(special) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
