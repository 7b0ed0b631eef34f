//! Query results as bytes, one batch at a time.
//!
//! Every door writes results through these encoders, so that a CSV file is the same CSV file whichever way it was asked
//! for. Nothing is collected: memory is bounded by a batch (for Parquet by a row group).
//! What only a person at a terminal reads (tables, Markdown) belongs to the command line.

mod arrow_stream;
mod cell;
mod delimited;
mod json;
mod json_value;
mod parquet_file;
mod wire_schema;

pub use arrow_stream::ArrowStreamEncoder;
pub use cell::{CellFormatter, ColumnFormatter, is_numeric};
pub use delimited::DelimitedEncoder;
pub use json::JsonEncoder;
pub use json_value::Numbers;
pub use parquet_file::ParquetEncoder;
pub(crate) use wire_schema::{to_wire, wire_schema};

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

/// Turns a result into bytes: `begin`, then `batch` for each batch, then `end`. Each call appends to `out` what can be sent so far.
pub trait ResultEncoder: Send {
    /// Called once, also for a result without rows.
    fn begin(&mut self, schema: &SchemaRef, out: &mut Vec<u8>) -> Result<(), ArrowError>;
    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError>;
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError>;
}

#[cfg(test)]
mod tests;
