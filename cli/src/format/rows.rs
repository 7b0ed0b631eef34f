//! Keeps the rows of a result as texts while another encoder shows them; for small results that are to be compared.

use std::sync::{Arc, Mutex, PoisonError};

use arachne_server::format::{CellFormatter, ResultEncoder};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::table::texts;

pub(crate) struct RowsEncoder<E> {
    beside: E,
    cells: CellFormatter,
    rows: KeptRows,
}

/// The rows of a [`RowsEncoder`], to be taken when the result has ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptRows(Arc<Mutex<Vec<Vec<String>>>>);

impl KeptRows {
    pub(crate) fn take(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<E: ResultEncoder> RowsEncoder<E> {
    pub(crate) fn beside(beside: E) -> (Self, KeptRows) {
        let rows = KeptRows::default();
        (Self { beside, cells: CellFormatter::default(), rows: rows.clone() }, rows)
    }
}

impl<E: ResultEncoder> ResultEncoder for RowsEncoder<E> {
    fn begin(&mut self, schema: &SchemaRef, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.beside.begin(schema, out)
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let rows = texts(&self.cells, batch)?;
        self.rows.0.lock().unwrap_or_else(PoisonError::into_inner).extend(rows);
        self.beside.batch(batch, out)
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.beside.end(out)
    }
}
