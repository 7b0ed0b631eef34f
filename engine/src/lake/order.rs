//! Sorted files: what `WITH ORDER` promises of each of them, in the words of a plan.

use std::sync::Arc;

use arachne_catalog::{NullOrder, SortColumn, SortDirection};
use arrow::compute::SortOptions;
use arrow::datatypes::Schema;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};

/// The order of one file's rows; none where nothing is promised.
pub(super) fn file_order(sorted_by: &[SortColumn], schema: &Schema) -> Option<LexOrdering> {
    // What stands behind a column that is not there says nothing by itself.
    let known = sorted_by.iter().map_while(|sorted| {
        let index = schema.index_of(&sorted.column).ok()?;
        let options = SortOptions {
            descending: sorted.direction == SortDirection::Descending,
            nulls_first: sorted.nulls == NullOrder::First,
        };
        Some(PhysicalSortExpr::new(Arc::new(Column::new(&sorted.column, index)), options))
    });
    LexOrdering::new(known.collect::<Vec<_>>())
}
