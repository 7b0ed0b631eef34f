//! JSON: one array of objects, or one object a line.
//!
//! NULLs are written out, so that every object has every column. `json_value` says what each type becomes.

use std::sync::Arc;

use arrow::array::{Array, StructArray};
use arrow::datatypes::{Field, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::EncoderOptions;
use arrow::json::writer::make_encoder;
use arrow::record_batch::RecordBatch;

use super::ResultEncoder;
use super::json_value::{self, Numbers};
use super::wire_schema::{to_wire, wire_schema};

/// Both JSON shapes.
pub struct JsonEncoder {
    options: EncoderOptions,
    shape: Shape,
    first: bool,
    schema: Option<SchemaRef>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Array,
    Lines,
}

impl JsonEncoder {
    /// `[` row `,` row ... `]`, a row a line.
    pub fn array() -> Self {
        Self::new(Shape::Array)
    }

    /// NDJSON.
    pub fn lines() -> Self {
        Self::new(Shape::Lines)
    }

    pub fn with_numbers(mut self, numbers: Numbers) -> Self {
        self.options = json_value::options(numbers);
        self
    }

    fn new(shape: Shape) -> Self {
        Self { options: json_value::options(Numbers::default()), shape, first: true, schema: None }
    }
}

impl ResultEncoder for JsonEncoder {
    fn begin(&mut self, schema: &SchemaRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.schema = Some(wire_schema(schema));
        if self.shape == Shape::Array {
            out.push(b'[');
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let Some(schema) = self.schema.as_ref().filter(|schema| !schema.fields().is_empty()) else { return Ok(()) };
        let rows = StructArray::from(to_wire(batch, schema)?);
        let field = Arc::new(Field::new_struct("", schema.fields().clone(), false));
        let mut encoder = make_encoder(&field, &rows, &self.options)?;
        for row in 0..rows.len() {
            if self.shape == Shape::Array {
                out.extend_from_slice(if self.first { b"\n" } else { b",\n" });
            }
            self.first = false;
            encoder.encode(row, out);
            if self.shape == Shape::Lines {
                out.push(b'\n');
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        if self.shape == Shape::Array {
            out.extend_from_slice(if self.first { b"]\n" } else { b"\n]\n" });
        }
        Ok(())
    }
}
