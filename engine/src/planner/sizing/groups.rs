//! How many groups an aggregate has.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs, StatisticsContext};

use super::scans::{file_bytes, file_scan};

/// Compressed columnar files hold a row in so many bytes or more, as a rule.
const BYTES_PER_ROW: u64 = 16;

/// Why a final aggregate has at most about `limit` groups, as far as is known: from the size of its tables, and from what statistics
/// say of its input's rows and its keys' ranges. Where this errs, the coordinator merges more groups than it likes; the answer stays
/// right.
pub(crate) fn few_groups(aggregate: &AggregateExec, limit: usize) -> Option<String> {
    if limit == 0 {
        return None;
    }
    // The statistics of expressions end at the partial aggregate, which is the one that evaluates them.
    let partial = partial_of(aggregate.input());
    let (keys, input) = match &partial {
        Some(partial) => (partial.group_expr().expr(), partial.input()),
        None => (aggregate.group_expr().expr(), aggregate.input()),
    };
    if keys.is_empty() {
        return Some("it has one group".to_owned());
    }
    let limit = limit as u64;
    let rows = scanned_bytes(input) / BYTES_PER_ROW;
    if rows <= limit {
        return Some(format!("its files hold some {rows} rows at most"));
    }
    let statistics = StatisticsContext::new().compute(input.as_ref(), &StatisticsArgs::new()).ok()?;
    if let Some(rows) = statistics.num_rows.get_value()
        && *rows as u64 <= limit
    {
        return Some(format!("its input has about {rows} rows"));
    }
    let mut values = keys.iter().map(|(key, _)| distinct_values(key, &statistics.column_statistics));
    let groups = values.try_fold(1u64, |product, values| product.checked_mul(values?))?;
    (groups <= limit).then(|| format!("its keys have at most {groups} combinations of values"))
}

/// The partial aggregate whose groups a final one merges.
fn partial_of(input: &Arc<dyn ExecutionPlan>) -> Option<&AggregateExec> {
    if let Some(aggregate) = input.downcast_ref::<AggregateExec>() {
        return matches!(aggregate.mode(), AggregateMode::Partial).then_some(aggregate);
    }
    match input.children()[..] {
        [only] => partial_of(only),
        _ => None,
    }
}

/// Bytes on disk of the files below a node; `u64::MAX` when a leaf is something else.
fn scanned_bytes(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    if plan.children().is_empty() {
        return file_scan(plan).map_or(u64::MAX, |scan| file_bytes(&scan.file_groups));
    }
    plan.children().into_iter().map(scanned_bytes).fold(0, u64::saturating_add)
}

/// An upper bound on the distinct values of a key, where one is known: a function of columns has no more values than its columns have
/// combinations.
fn distinct_values(key: &Arc<dyn PhysicalExpr>, columns: &[ColumnStatistics]) -> Option<u64> {
    if key.is::<Literal>() {
        return Some(1);
    }
    let used = collect_columns(key);
    // What uses no column may be random.
    if used.is_empty() || is_volatile(key) {
        return None;
    }
    let mut values = used.iter().map(|column| distinct_in(columns.get(column.index())?));
    values.try_fold(1u64, |product, values| product.checked_mul(values?))
}

fn distinct_in(column: &ColumnStatistics) -> Option<u64> {
    if let Precision::Exact(distinct) | Precision::Inexact(distinct) = column.distinct_count {
        return Some(distinct as u64 + 1);
    }
    let (low, high) = (column.min_value.get_value()?, column.max_value.get_value()?);
    // One more than the range, for NULL.
    range(low, high).map(|values| values.saturating_add(1))
}

fn range(low: &ScalarValue, high: &ScalarValue) -> Option<u64> {
    use ScalarValue as S;
    let span = |low: i128, high: i128| u64::try_from(high.checked_sub(low)?.checked_add(1)?).ok();
    match (low, high) {
        (S::Boolean(_), S::Boolean(_)) => Some(2),
        (S::Int8(Some(a)), S::Int8(Some(b))) => span((*a).into(), (*b).into()),
        (S::Int16(Some(a)), S::Int16(Some(b))) => span((*a).into(), (*b).into()),
        (S::Int32(Some(a)), S::Int32(Some(b))) | (S::Date32(Some(a)), S::Date32(Some(b))) => {
            span((*a).into(), (*b).into())
        }
        (S::Int64(Some(a)), S::Int64(Some(b))) => span((*a).into(), (*b).into()),
        (S::UInt8(Some(a)), S::UInt8(Some(b))) => span((*a).into(), (*b).into()),
        (S::UInt16(Some(a)), S::UInt16(Some(b))) => span((*a).into(), (*b).into()),
        (S::UInt32(Some(a)), S::UInt32(Some(b))) => span((*a).into(), (*b).into()),
        (S::UInt64(Some(a)), S::UInt64(Some(b))) => span((*a).into(), (*b).into()),
        (S::Decimal128(Some(a), _, scale), S::Decimal128(Some(b), _, other)) if scale == other => span(*a, *b),
        (S::Utf8(Some(a)) | S::Utf8View(Some(a)), S::Utf8(Some(b)) | S::Utf8View(Some(b))) if a == b => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::{BinaryExpr, Column, cast, lit};

    use super::*;

    #[test]
    fn a_range_of_integers_bounds_its_values() {
        assert_eq!(range(&ScalarValue::Int32(Some(-1)), &ScalarValue::Int32(Some(1))), Some(3));
        assert_eq!(range(&ScalarValue::Int64(Some(i64::MIN)), &ScalarValue::Int64(Some(i64::MAX))), None);
        assert_eq!(range(&ScalarValue::Utf8(Some("a".into())), &ScalarValue::Utf8(Some("b".into()))), None);
        let decimal = |value| ScalarValue::Decimal128(Some(value), 15, 2);
        assert_eq!(range(&decimal(0), &decimal(10)), Some(11));
        assert_eq!(range(&decimal(i128::MIN), &decimal(i128::MAX)), None);
    }

    #[test]
    fn a_function_of_columns_has_no_more_values_than_they() {
        let known = |low: i32, high: i32| ColumnStatistics {
            min_value: Precision::Exact(ScalarValue::Int32(Some(low))),
            max_value: Precision::Inexact(ScalarValue::Int32(Some(high))),
            ..ColumnStatistics::new_unknown()
        };
        let columns = [known(1, 9), known(0, 0), ColumnStatistics::new_unknown()];
        let column = |index| Arc::new(Column::new("c", index)) as Arc<dyn PhysicalExpr>;
        let both = Arc::new(BinaryExpr::new(column(0), Operator::Plus, column(1))) as _;
        assert_eq!(distinct_values(&column(0), &columns), Some(10));
        assert_eq!(distinct_values(&both, &columns), Some(20));
        assert_eq!(distinct_values(&column(2), &columns), None);
        assert_eq!(distinct_values(&lit(5), &columns), Some(1));
        let schema = arrow::datatypes::Schema::new(vec![arrow::datatypes::Field::new("c", DataType::Int32, true)]);
        let narrowed = cast(column(0), &schema, DataType::Int64).unwrap();
        assert_eq!(distinct_values(&narrowed, &columns), Some(10));
    }
}
