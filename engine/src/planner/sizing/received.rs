//! How many bytes a plan puts out, in memory.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs, StatisticsContext};

use super::scans::{file_scan, scan_size};

/// Rows in memory against columns on disk, where statistics say nothing: encodings and compression undone.
const EXPANSION: u64 = 3;

/// A value whose length nobody knows.
const UNKNOWN_VALUE_BYTES: u64 = 24;

/// An estimate of what a plan puts out. Statistics multiply the errors of joins and guess the rows of text, so they are not believed
/// beyond what is read from files below.
pub(crate) fn estimated_bytes(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    let read = read_bytes(plan).saturating_mul(EXPANSION);
    let Ok(statistics) = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()) else { return read };
    match statistics.num_rows.get_value() {
        Some(rows) => (*rows as u64).saturating_mul(row_bytes(&plan.schema(), &statistics)).min(read),
        None => read,
    }
}

/// Bytes on disk that are read below a node. What is no file scan is small: values, or a table of the catalog's own.
fn read_bytes(plan: &Arc<dyn ExecutionPlan>) -> u64 {
    if let Some(scan) = file_scan(plan) {
        return scan_size(scan).bytes;
    }
    plan.children().into_iter().map(read_bytes).fold(0, u64::saturating_add)
}

fn row_bytes(schema: &Schema, statistics: &Statistics) -> u64 {
    let rows = statistics.num_rows.get_value().copied().unwrap_or(0) as u64;
    let columns = schema.fields().iter().enumerate();
    columns.map(|(index, field)| value_bytes(field.data_type(), statistics.column_statistics.get(index), rows)).sum()
}

fn value_bytes(data_type: &DataType, known: Option<&ColumnStatistics>, rows: u64) -> u64 {
    if let Some(width) = data_type.primitive_width() {
        return width as u64;
    }
    match (data_type, known.and_then(|known| known.byte_size.get_value())) {
        (DataType::Boolean | DataType::Null, _) => 1,
        (_, Some(bytes)) if rows > 0 => (*bytes as u64 / rows).max(1),
        _ => UNKNOWN_VALUE_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use datafusion::common::stats::Precision;

    use super::*;

    #[test]
    fn a_row_is_as_wide_as_its_types_and_its_known_text() {
        let text = Field::new("t", DataType::Utf8View, true);
        let schema = Schema::new(vec![Field::new("n", DataType::Int64, true), text.clone(), text]);
        let mut statistics = Statistics::new_unknown(&schema);
        statistics.num_rows = Precision::Inexact(100);
        statistics.column_statistics[1].byte_size = Precision::Inexact(1_000);
        assert_eq!(row_bytes(&schema, &statistics), 8 + 10 + UNKNOWN_VALUE_BYTES);
    }
}
