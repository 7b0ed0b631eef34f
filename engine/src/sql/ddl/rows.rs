//! Answers: a few columns of text.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::error::Result;

pub(super) type Rows = (SchemaRef, Vec<RecordBatch>);

/// No columns, no rows.
pub(super) fn none() -> Rows {
    (Arc::new(Schema::empty()), Vec::new())
}

/// The columns of [`text`].
pub(super) fn schema<const N: usize>(names: [&str; N]) -> SchemaRef {
    Arc::new(Schema::new(names.map(|name| Field::new(name, DataType::Utf8, false)).to_vec()))
}

/// Rows of `N` texts.
pub(super) fn text<const N: usize>(names: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Result<Rows> {
    let schema = schema(names);
    let rows: Vec<[String; N]> = rows.into_iter().collect();
    let column = |index| Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row[index]))) as ArrayRef;
    let columns = (0..N).map(column).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
    Ok((schema, vec![batch]))
}
