//! How many tasks a stage gets.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs, StatisticsContext};

/// Compressed columnar files hold a row in so many bytes or more, as a rule.
const BYTES_PER_ROW: u64 = 16;

/// The width of a stage that reads files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Width {
    /// As many tasks as bytes (on disk, after pruning) need at so many bytes a task.
    BytesPerTask(u64),
    /// Exactly so many, whatever the size: the first scan of a plan gets the first entry, and so on, over and over.
    Tasks(Vec<usize>),
}

impl Width {
    /// `nth` counts the scans of a plan.
    pub(crate) fn tasks_for(&self, bytes: u64, nth: usize) -> usize {
        match self {
            Self::BytesPerTask(budget) => usize::try_from(bytes.div_ceil((*budget).max(1))).unwrap_or(usize::MAX),
            Self::Tasks(tasks) => tasks.get(nth % tasks.len().max(1)).copied().unwrap_or(1),
        }
    }
}

/// Whether a final aggregate has at most about `limit` groups, from the size of its tables, and from what statistics say of its
/// input's rows and its keys' ranges. Where this errs, the coordinator merges more groups than it likes; the answer stays right.
pub(crate) fn few_groups(aggregate: &AggregateExec, limit: usize) -> bool {
    if limit == 0 {
        return false;
    }
    let keys = aggregate.group_expr().expr();
    if keys.is_empty() {
        return true;
    }
    if scanned_bytes(aggregate.input()) / BYTES_PER_ROW <= limit as u64 {
        return true;
    }
    let Ok(statistics) = StatisticsContext::new().compute(aggregate.input().as_ref(), &StatisticsArgs::new()) else {
        return false;
    };
    if let Some(rows) = statistics.num_rows.get_value()
        && *rows <= limit
    {
        return true;
    }
    let mut distinct = keys.iter().map(|(key, _)| distinct_values(key, &statistics.column_statistics));
    distinct.try_fold(1u64, |product, values| product.checked_mul(values?)).is_some_and(|groups| groups <= limit as u64)
}

/// Bytes on disk of the files below a node; `u64::MAX` when a leaf is something else.
fn scanned_bytes(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    if plan.children().is_empty() {
        return file_scan(plan).map_or(u64::MAX, |scan| file_bytes(&scan.file_groups));
    }
    plan.children().into_iter().map(scanned_bytes).fold(0, u64::saturating_add)
}

/// The file scan that a leaf is.
pub(crate) fn file_scan(leaf: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    leaf.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()
}

pub(crate) fn file_bytes(groups: &[FileGroup]) -> u64 {
    groups.iter().flat_map(FileGroup::files).map(PartitionedFile::effective_size).sum()
}

/// An upper bound on the distinct values of a key, where one is known.
fn distinct_values(key: &Arc<dyn PhysicalExpr>, columns: &[ColumnStatistics]) -> Option<u64> {
    let column = columns.get(key.downcast_ref::<Column>()?.index())?;
    if let Precision::Exact(distinct) = column.distinct_count {
        return Some(distinct as u64 + 1);
    }
    let (low, high) = (column.min_value.get_value()?, column.max_value.get_value()?);
    // One more than the range, for NULL.
    range(low, high).map(|values| values.saturating_add(1))
}

fn range(low: &ScalarValue, high: &ScalarValue) -> Option<u64> {
    use ScalarValue as S;
    let span = |low: i128, high: i128| u64::try_from(high - low + 1).ok();
    match (low, high) {
        (S::Boolean(_), S::Boolean(_)) => Some(2),
        (S::Int8(Some(a)), S::Int8(Some(b))) => span((*a).into(), (*b).into()),
        (S::Int16(Some(a)), S::Int16(Some(b))) => span((*a).into(), (*b).into()),
        (S::Int32(Some(a)), S::Int32(Some(b))) | (S::Date32(Some(a)), S::Date32(Some(b))) => {
            span((*a).into(), (*b).into())
        }
        (S::Int64(Some(a)), S::Int64(Some(b))) => span((*a).into(), (*b).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_follows_the_bytes() {
        let width = Width::BytesPerTask(100);
        assert_eq!([0, 1, 100, 101, 1000].map(|bytes| width.tasks_for(bytes, 0)), [0, 1, 1, 2, 10]);
    }

    #[test]
    fn forced_widths_go_round() {
        let width = Width::Tasks(vec![3, 7, 1]);
        assert_eq!([0, 1, 2, 3, 4].map(|nth| width.tasks_for(1, nth)), [3, 7, 1, 3, 7]);
    }

    #[test]
    fn a_range_of_integers_bounds_its_values() {
        assert_eq!(range(&ScalarValue::Int32(Some(-1)), &ScalarValue::Int32(Some(1))), Some(3));
        assert_eq!(range(&ScalarValue::Int64(Some(i64::MIN)), &ScalarValue::Int64(Some(i64::MAX))), None);
        assert_eq!(range(&ScalarValue::Utf8(Some("a".into())), &ScalarValue::Utf8(Some("b".into()))), None);
    }
}
