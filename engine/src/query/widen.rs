//! One schema for a query, from its description to its last row.
//!
//! An optimiser may know more than the statement says: `min(x)` that is taken from statistics is a literal, and never null. A client
//! that has been told one schema and gets another refuses the rows, so that the one that was told is the one that is kept.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{Field, Schema, SchemaRef};
use futures::{StreamExt as _, TryStreamExt as _};

use super::handle::Rows;
use crate::error::{Error, Result};

/// Rows under the schema that was promised.
pub(super) fn widened(rows: Rows, promised: &SchemaRef) -> Rows {
    if rows.schema == *promised {
        return rows;
    }
    let schema = wider(promised, &rows.schema);
    let declared = Arc::clone(&schema);
    let batches = rows.batches.and_then(move |batch| {
        let batch = redeclared(&batch, &declared);
        async move { batch }
    });
    Rows { schema, batches: batches.boxed() }
}

/// The promised one, nullable where the other is: what was promised to be there always is not, and nothing may hide that. Without
/// metadata, which files bring along.
pub(super) fn wider(promised: &Schema, other: &Schema) -> SchemaRef {
    debug_assert_eq!(promised.fields().len(), other.fields().len());
    let fields = promised.fields().iter().zip(other.fields()).map(|(field, other)| {
        Field::new(field.name(), field.data_type().clone(), field.is_nullable() || other.is_nullable())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn redeclared(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| match field.data_type() {
        wanted if wanted == column.data_type() => Ok(Arc::clone(column)),
        wanted => cast(column, wanted),
    });
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>().map_err(Error::from)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}
