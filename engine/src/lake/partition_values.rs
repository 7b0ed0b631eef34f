//! The values in partition folders: read as the type of their key, their types guessed, compared with filters.

use std::sync::Arc;

use arachne_catalog::hive_path::NULL_VALUE;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::collect_columns;

use crate::error::{Error, ErrorCode, Result};

/// Reads a value as Hive writes it. Fails where it is not of the key's type.
pub(super) fn parse_value(text: &str, key: &FieldRef) -> Result<ScalarValue> {
    let data_type = key.data_type();
    if text == NULL_VALUE || (text.is_empty() && *data_type != DataType::Utf8) {
        return Ok(ScalarValue::try_new_null(data_type)?);
    }
    let text_value = ScalarValue::Utf8(Some(text.to_owned()));
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    text_value.cast_to_with_options(data_type, &strict).map_err(|_| {
        Error::new(ErrorCode::InvalidData, format!("partition {}={text} is not of type {data_type}", key.name()))
            .with_hint(format!("declare {} as string, or rename the folder", key.name()))
    })
}

/// The values of one key in many partitions: as [`parse_value`] of each, but all at once, since reading one by one costs more than
/// everything else about a partition.
pub(super) fn parse_values(texts: &[&str], key: &FieldRef) -> Result<Vec<ScalarValue>> {
    let data_type = key.data_type();
    let is_null = |text: &str| text == NULL_VALUE || (text.is_empty() && *data_type != DataType::Utf8);
    let column = StringArray::from_iter(texts.iter().map(|text| (!is_null(text)).then_some(*text)));
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    match cast_with_options(&column, data_type, &strict) {
        Ok(values) => {
            Ok((0..texts.len()).map(|row| ScalarValue::try_from_array(&values, row)).collect::<Result<_, _>>()?)
        }
        // One of them is wrong: it says which.
        Err(_) => texts.iter().map(|text| parse_value(text, key)).collect(),
    }
}

/// The narrowest type that shows every value as it is written: integer, date, else string. `01` stays a string.
pub(super) fn guess_type<'a>(values: impl IntoIterator<Item = &'a str>) -> DataType {
    let (mut integers, mut dates, mut any) = (true, true, false);
    for value in values.into_iter().filter(|value| *value != NULL_VALUE) {
        any = true;
        integers &= value.parse::<i64>().is_ok_and(|number| number.to_string() == value);
        dates &= chrono::NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok_and(|date| date.to_string() == value);
    }
    match (any, integers, dates) {
        (true, true, _) => DataType::Int64,
        (true, _, true) => DataType::Date32,
        _ => DataType::Utf8,
    }
}

/// Whether a filter can be decided from partition values alone. It is then applied to them exactly, and nowhere else.
pub(super) fn is_partition_filter(keys: &[FieldRef], filter: &Expr) -> bool {
    let names: Vec<&str> = keys.iter().map(|key| key.name().as_str()).collect();
    !names.is_empty() && expr_applicable_for_cols(&names, filter)
}

/// The partition filters of one scan, ready to be evaluated over values.
pub(super) struct PartitionFilter {
    keys: Vec<FieldRef>,
    /// Each with the number of leading keys that it needs.
    filters: Vec<(usize, Arc<dyn PhysicalExpr>)>,
}

impl PartitionFilter {
    /// Fails where a filter does not fit the keys' types.
    pub(super) fn new(session: &dyn Session, keys: &[FieldRef], filters: &[Expr]) -> Result<Self> {
        let schema = Arc::new(Schema::new(keys.to_vec()));
        let named = DFSchema::try_from(schema)?;
        let filters = filters.iter().map(|filter| {
            let filter = session.create_physical_expr(filter.clone(), &named)?;
            let needs = collect_columns(&filter).iter().map(|column| column.index() + 1).max().unwrap_or(0);
            Ok((needs, filter))
        });
        let filters = filters.collect::<Result<_>>()?;
        Ok(Self { keys: keys.to_vec(), filters })
    }

    /// Which rows of values may match, as far as the first `known` keys (the length of each row) tell. A filter that is NULL
    /// does not match, as in SQL.
    pub(super) fn matches(&self, rows: &[&[ScalarValue]], known: usize) -> Result<Vec<bool>> {
        if rows.is_empty() || self.filters.is_empty() {
            return Ok(vec![true; rows.len()]);
        }
        self.matches_of(&columns_of(&self.keys, rows, known)?, known)
    }

    /// The same of values that are in columns already, by [`columns_of`].
    pub(super) fn matches_of(&self, values: &RecordBatch, known: usize) -> Result<Vec<bool>> {
        let mut keep = vec![true; values.num_rows()];
        for (_, filter) in self.filters.iter().filter(|(needs, _)| *needs <= known) {
            let matched = filter.evaluate(values)?.into_array(keep.len())?;
            let matched = matched.as_boolean_opt().ok_or_else(|| Error::internal("a filter is not boolean"))?;
            for (index, keep) in keep.iter_mut().enumerate() {
                *keep &= matched.is_valid(index) && matched.value(index);
            }
        }
        Ok(keep)
    }
}

/// Rows of values as a column for each key; those behind the first `known` are NULL.
pub(super) fn columns_of(keys: &[FieldRef], rows: &[&[ScalarValue]], known: usize) -> Result<RecordBatch> {
    let columns = keys.iter().enumerate().map(|(index, key)| {
        let column: ArrayRef = match index < known && !rows.is_empty() {
            true => ScalarValue::iter_to_array(rows.iter().map(|row| row[index].clone()))?,
            false => new_null_array(key.data_type(), rows.len()),
        };
        Ok(column)
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(keys.to_vec())), columns, &options)?)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use datafusion::prelude::{SessionContext, col, lit};

    use super::*;

    fn key(name: &str, data_type: DataType) -> FieldRef {
        Arc::new(Field::new(name, data_type, true))
    }

    #[test]
    fn types_are_guessed_so_that_no_value_changes() {
        assert_eq!(guess_type(["2023", "2024"]), DataType::Int64);
        assert_eq!(guess_type(["1", "02"]), DataType::Utf8);
        assert_eq!(guess_type(["-5", "0", NULL_VALUE]), DataType::Int64);
        assert_eq!(guess_type(["+5"]), DataType::Utf8);
        assert_eq!(guess_type(["2024-02-29"]), DataType::Date32);
        assert_eq!(guess_type(["2024-02-30"]), DataType::Utf8);
        assert_eq!(guess_type(["2024-2-1"]), DataType::Utf8);
        assert_eq!(guess_type([NULL_VALUE]), DataType::Utf8);
        assert_eq!(guess_type(["99999999999999999999"]), DataType::Utf8);
    }

    #[test]
    fn values_are_read_as_their_keys_type() {
        assert_eq!(parse_value("07", &key("m", DataType::Int32)).unwrap(), ScalarValue::Int32(Some(7)));
        assert_eq!(parse_value(NULL_VALUE, &key("m", DataType::Int32)).unwrap(), ScalarValue::Int32(None));
        assert_eq!(parse_value("a b", &key("m", DataType::Utf8)).unwrap(), ScalarValue::from("a b"));
        let error = parse_value("x", &key("m", DataType::Int32)).unwrap_err();
        assert_eq!(
            (error.code, error.message.as_str()),
            (ErrorCode::InvalidData, "partition m=x is not of type Int32")
        );
    }

    #[test]
    fn many_values_are_read_as_each_by_itself() {
        for (data_type, texts) in [
            (DataType::Int32, vec!["07", NULL_VALUE, "-3", ""]),
            (DataType::Utf8, vec!["07", NULL_VALUE, "a b", ""]),
            (DataType::Date32, vec!["2026-11-23", NULL_VALUE, "1969-12-31"]),
            (DataType::Decimal128(6, 2), vec!["1.5", "100"]),
            (DataType::Boolean, vec!["true", "false"]),
        ] {
            let key = key("k", data_type);
            let each: Vec<_> = texts.iter().map(|text| parse_value(text, &key).unwrap()).collect();
            assert_eq!(parse_values(&texts, &key).unwrap(), each);
        }
        let error = parse_values(&["1", "x"], &key("m", DataType::Int32)).unwrap_err();
        assert_eq!(error.message, "partition m=x is not of type Int32");
    }

    #[test]
    fn a_filter_decides_as_soon_as_its_keys_are_known() {
        let keys = [key("year", DataType::Int64), key("month", DataType::Utf8)];
        let session = SessionContext::new().state();
        let filters = [col("year").gt(lit(2022_i64)), col("month").eq(lit("01"))];
        assert!(filters.iter().all(|filter| is_partition_filter(&keys, filter)));
        assert!(!is_partition_filter(&keys, &col("other").eq(lit(1))));
        let filter = PartitionFilter::new(&session, &keys, &filters).unwrap();
        let year = |year: i64| [ScalarValue::from(year)];
        assert_eq!(filter.matches(&[&year(2022), &year(2023)], 1).unwrap(), [false, true]);
        let month = |month: &str| [ScalarValue::from(2023_i64), ScalarValue::from(month)];
        let null = [ScalarValue::from(2023_i64), ScalarValue::Utf8(None)];
        assert_eq!(filter.matches(&[&month("01"), &month("1"), &null], 2).unwrap(), [true, false, false]);
    }
}
