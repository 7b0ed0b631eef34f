//! One value as text, the same in CSV, tables and Markdown.
//!
//! Timestamps as Athena prints them (`2024-01-31 12:00:00.5`), nested values as JSON, decimals with their full scale.

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, FieldRef};
use arrow::error::ArrowError;
use arrow::json::EncoderOptions;
use arrow::json::writer::{NullableEncoder, make_encoder};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::json_value::{self, Numbers};

const TIMESTAMP: &str = "%Y-%m-%d %H:%M:%S%.f";
const TIMESTAMP_TZ: &str = "%Y-%m-%d %H:%M:%S%.f %:z";

/// Formats the values of one column of one batch.
pub enum ColumnFormatter<'a> {
    Plain {
        values: ArrayFormatter<'a>,
        array: &'a dyn Array,
    },
    /// Lists, structs and maps, as JSON.
    Nested {
        values: NullableEncoder<'a>,
        buffer: Vec<u8>,
    },
}

/// Holds what the formatters of a batch borrow.
pub struct CellFormatter {
    plain: FormatOptions<'static>,
    nested: EncoderOptions,
}

impl Default for CellFormatter {
    fn default() -> Self {
        let plain = FormatOptions::new()
            .with_display_error(false)
            .with_timestamp_format(Some(TIMESTAMP))
            .with_datetime_format(Some(TIMESTAMP))
            .with_timestamp_tz_format(Some(TIMESTAMP_TZ));
        Self { plain, nested: json_value::options(Numbers::default()) }
    }
}

impl CellFormatter {
    pub fn column<'a>(&'a self, field: &'a FieldRef, array: &'a ArrayRef) -> Result<ColumnFormatter<'a>, ArrowError> {
        if field.data_type().is_nested() {
            let values = make_encoder(field, array.as_ref(), &self.nested)?;
            return Ok(ColumnFormatter::Nested { values, buffer: Vec::new() });
        }
        let values = ArrayFormatter::try_new(array.as_ref(), &self.plain)?;
        Ok(ColumnFormatter::Plain { values, array: array.as_ref() })
    }
}

impl ColumnFormatter<'_> {
    /// Appends the text of row `row` to `text`; false (and nothing appended) when it is NULL.
    pub fn write(&mut self, row: usize, text: &mut String) -> Result<bool, ArrowError> {
        match self {
            Self::Plain { values, array } => {
                // `is_null` sees neither the NULLs of a NullArray nor those inside a dictionary's values.
                if array.is_null(row) || matches!(array.data_type(), DataType::Null) {
                    return Ok(false);
                }
                values.value(row).write(text)?;
            }
            Self::Nested { values, buffer } => {
                if values.is_null(row) {
                    return Ok(false);
                }
                buffer.clear();
                values.encode(row, buffer);
                text.push_str(&String::from_utf8_lossy(buffer));
            }
        }
        Ok(true)
    }
}

/// Whether people expect the column to be aligned to the right.
pub fn is_numeric(data_type: &DataType) -> bool {
    data_type.is_numeric()
}
