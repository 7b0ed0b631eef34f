//! JSON: one array of objects, or one object a line.
//!
//! NULLs are written out, so that every object has every column. Decimals are numbers with all their digits.

use arrow::array::{Array, StructArray};
use arrow::datatypes::{Field, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::writer::{EncoderOptions, make_encoder};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

use super::ResultEncoder;

/// Both JSON shapes.
pub struct JsonEncoder {
    options: EncoderOptions,
    shape: Shape,
    first: bool,
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

    fn new(shape: Shape) -> Self {
        Self { options: EncoderOptions::default().with_explicit_nulls(true), shape, first: true }
    }
}

impl ResultEncoder for JsonEncoder {
    fn begin(&mut self, _schema: &SchemaRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        if self.shape == Shape::Array {
            out.push(b'[');
        }
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        if batch.num_columns() == 0 {
            return Ok(());
        }
        let rows = StructArray::from(batch.clone());
        let field = Arc::new(Field::new_struct("", batch.schema().fields().clone(), false));
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
