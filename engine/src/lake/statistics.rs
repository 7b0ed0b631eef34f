//! A file's footer as statistics of the table's columns.
//!
//! They drop whole files, answer `count(*)`, `min` and `max` without reading, and size joins; so a number that is not certain
//! must be absent, never a guess called exact.

use std::collections::HashMap;

use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use parquet::arrow::parquet_column;
use parquet::file::metadata::ParquetMetaData;

use super::known_footers::FooterContents;
use super::parquet_files::Footer;
use crate::planner::sizing::ColumnSizes;
use crate::storage::{find_field, plain, wider};

/// Statistics of one file in terms of the table: its columns by name whatever their case, then its partition values.
pub(super) fn file_statistics(
    footer: &Footer,
    file_schema: &Schema,
    keys: &[FieldRef],
    values: &[ScalarValue],
) -> Statistics {
    let FooterContents { schema, statistics: own, certain } = footer.contents.as_ref();
    let rows = own.num_rows;
    let columns = file_schema.fields().iter().map(|wanted| match find_field(schema, wanted.name()) {
        None => ColumnStatistics { null_count: rows, ..ColumnStatistics::new_unknown() },
        Some((index, found)) => {
            convert(&own.column_statistics[index], certain[index], found.data_type(), wanted.data_type())
        }
    });
    let mut column_statistics: Vec<_> = columns.collect();
    column_statistics.extend(keys.iter().zip(values).map(|(_, value)| partition_column(value, rows)));
    let total_byte_size =
        footer.metadata.row_groups().iter().map(|group| group.total_byte_size().max(0) as usize).sum();
    Statistics { num_rows: rows, total_byte_size: Precision::Inexact(total_byte_size), column_statistics }
}

/// Footers that are looked at for the sizes of columns: files of one table are alike.
const FOOTERS_FOR_SIZES: usize = 64;

/// Bytes on disk of each of the table's columns, in some files of it.
pub(super) fn column_sizes(footers: &[Footer], file_schema: &Schema) -> ColumnSizes {
    let step = footers.len().div_ceil(FOOTERS_FOR_SIZES).max(1);
    let mut sizes = vec![0; file_schema.fields().len()];
    let positions: HashMap<String, usize> =
        (file_schema.fields().iter().enumerate()).map(|(index, field)| (field.name().to_lowercase(), index)).collect();
    for footer in footers.iter().step_by(step) {
        for column in footer.metadata.row_groups().iter().flat_map(|group| group.columns()) {
            let root = column.column_path().parts().first().map(|root| root.to_lowercase());
            if let Some(index) = root.and_then(|root| positions.get(&root)) {
                sizes[*index] += column.compressed_size().max(0) as u64;
            }
        }
    }
    ColumnSizes(sizes)
}

/// What every row group of a file states about a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Certain {
    bounds: bool,
    null_count: bool,
}

impl Certain {
    /// DataFusion takes a null count that is not there for zero, and bounds of some row groups for those of all.
    pub(super) fn of(metadata: &ParquetMetaData, schema: &Schema, name: &str) -> Self {
        let leaf = parquet_column(metadata.file_metadata().schema_descr(), schema, name);
        let Some((leaf, _)) = leaf else { return Self { bounds: false, null_count: false } };
        let mut certain = Self { bounds: true, null_count: true };
        for group in metadata.row_groups().iter().filter(|group| group.num_rows() > 0) {
            let statistics = group.columns().get(leaf).and_then(|column| column.statistics());
            let nulls = statistics.and_then(|statistics| statistics.null_count_opt());
            let all_null = nulls.is_some_and(|nulls| nulls == group.num_rows() as u64);
            let has_bounds =
                statistics.is_some_and(|known| known.min_bytes_opt().is_some() && known.max_bytes_opt().is_some());
            certain.bounds &= has_bounds || all_null;
            certain.null_count &= nulls.is_some();
        }
        certain
    }
}

fn convert(own: &ColumnStatistics, certain: Certain, from: &DataType, to: &DataType) -> ColumnStatistics {
    let bound = |bound: &Precision<ScalarValue>| {
        let keeps_order = certain.bounds && keeps_order(from, to);
        let usable = keeps_order.then(|| bound.get_value()).flatten().filter(|value| !value.is_null());
        match (usable.and_then(|value| value.cast_to(to).ok()), bound) {
            (Some(value), Precision::Exact(_)) => Precision::Exact(value),
            (Some(value), _) => Precision::Inexact(value),
            (None, _) => Precision::Absent,
        }
    };
    ColumnStatistics {
        null_count: if certain.null_count { own.null_count } else { Precision::Absent },
        min_value: bound(&own.min_value),
        max_value: bound(&own.max_value),
        sum_value: Precision::Absent,
        distinct_count: own.distinct_count,
        byte_size: own.byte_size.to_inexact(),
    }
}

/// Whether reading one type as the other keeps the order of values, so that bounds stay bounds.
fn keeps_order(from: &DataType, to: &DataType) -> bool {
    let (from, to) = (plain(from), plain(to));
    let numbers = |data_type: &DataType| data_type.is_integer() || matches!(data_type, DataType::Decimal128(..));
    let narrower_number = numbers(&from) && numbers(&to);
    let times = matches!((&from, &to), (DataType::Timestamp(..), DataType::Timestamp(..)));
    let widened =
        wider(&from, &to).as_ref() == Some(&to) && !matches!(from, DataType::Binary | DataType::FixedSizeBinary(_));
    from == to || widened || narrower_number || times
}

/// Every row of the file has the value.
fn partition_column(value: &ScalarValue, rows: Precision<usize>) -> ColumnStatistics {
    if value.is_null() {
        return ColumnStatistics { null_count: rows, ..ColumnStatistics::new_unknown() };
    }
    ColumnStatistics {
        null_count: Precision::Exact(0),
        min_value: Precision::Exact(value.clone()),
        max_value: Precision::Exact(value.clone()),
        distinct_count: Precision::Exact(1),
        ..ColumnStatistics::new_unknown()
    }
}
