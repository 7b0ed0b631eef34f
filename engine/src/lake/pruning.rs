//! Files whose statistics rule a filter out are not read.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::{DFSchema, Statistics};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;

use crate::error::Result;

/// Which of the files may hold a row that all filters let through.
pub(super) fn may_match(
    session: &dyn Session,
    schema: &SchemaRef,
    filters: &[Expr],
    statistics: &[Arc<Statistics>],
) -> Result<Vec<bool>> {
    let all = || vec![true; statistics.len()];
    let Some(filter) = conjunction(filters.iter().cloned()) else { return Ok(all()) };
    let filter = session.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(schema))?)?;
    let judged = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(schema))
        .try_build(filter)
        .and_then(|predicate| predicate.prune(&PrunableStatistics::new(statistics.to_vec(), Arc::clone(schema))));
    // A filter that statistics cannot judge is judged row by row.
    Ok(judged.unwrap_or_else(|error| {
        tracing::debug!(%error, "files are not pruned by this filter");
        all()
    }))
}
