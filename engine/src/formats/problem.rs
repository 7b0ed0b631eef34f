//! What can be wrong with a record, and how it is told: which file, which line, which value, what to do.

use arrow::datatypes::{DataType, TimeUnit};

use crate::error::{Error, ErrorCode};

use super::record::MAX_RECORD;

/// Characters of a bad value that a message shows.
const SHOWN: usize = 60;

/// A record that cannot be read as declared.
#[derive(Debug)]
pub(super) struct RowProblem {
    /// Line feeds between the start of what was read and the record.
    pub(super) lines_before: u64,
    pub(super) problem: Problem,
}

#[derive(Debug)]
pub(super) enum Problem {
    Value {
        column: String,
        data_type: DataType,
        value: Vec<u8>,
    },
    NotUtf8 {
        column: String,
        value: Vec<u8>,
    },
    FieldCount {
        expected: usize,
        found: usize,
        header: bool,
    },
    UnclosedQuote {
        multiline: bool,
    },
    TooLong,
    Header(String),
    /// Not the file's fault.
    Other(Error),
}

impl Problem {
    /// The error for the record that starts at `line` (1-based) of `object`; `described_by`: where inferred columns came from.
    pub(super) fn into_error(self, object: &str, line: u64, described_by: Option<&str>) -> Error {
        let place = format!("{object} line {line}");
        let (message, hint) = match self {
            Self::Value { column, data_type, value } => (
                format!(
                    "{place}: column \"{column}\" holds \"{}\", which is not a valid {}",
                    shown(&value),
                    type_name(&data_type)
                ),
                match described_by {
                    Some(first) => format!(
                        "the column's type was guessed from the first rows, beginning with {first}; \
                         CREATE EXTERNAL TABLE with a wider type, such as string, reads it"
                    ),
                    None => tolerate("the bad value becomes NULL"),
                },
            ),
            Self::NotUtf8 { column, value } => (
                format!("{place}: column \"{column}\" is not valid UTF-8: \"{}\"", shown(&value)),
                tolerate("the bad value becomes NULL"),
            ),
            Self::FieldCount { expected, found, header } => (
                format!(
                    "{place}: the row has {found} {} where {} {expected}",
                    if found == 1 { "field" } else { "fields" },
                    if header { "the header has" } else { "the table declares" }
                ),
                tolerate("missing fields are NULL and surplus ones are dropped"),
            ),
            Self::UnclosedQuote { multiline: false } => (
                format!("{place}: a quoted field is not closed at the end of the line"),
                "if quoted fields hold line breaks, set the table property 'arachne.csv.multiline' = 'true'"
                    .to_string(),
            ),
            Self::UnclosedQuote { multiline: true } => (
                format!("{place}: a quoted field is not closed before the end of the file"),
                "close the quote in the file, or declare another quote character".to_string(),
            ),
            Self::TooLong => (
                format!("{place}: the record is longer than {} MiB", MAX_RECORD >> 20),
                "look for a quote that is opened and never closed, or for line ends other than LF and CRLF".to_string(),
            ),
            Self::Header(message) => {
                let message = format!("{object}: {message}");
                return Error::new(ErrorCode::InvalidData, message).with_hint(
                    "files that are read together need the same columns; CREATE EXTERNAL TABLE declares the columns by position",
                );
            }
            Self::Other(error) => return error,
        };
        Error::new(ErrorCode::InvalidData, message).with_hint(hint)
    }
}

fn tolerate(null_mode: &str) -> String {
    format!(
        "correct the file, or set the table property 'arachne.csv.on_error' to 'null' ({null_mode}) or 'ignore' (the row is skipped)"
    )
}

/// The value on one line, shortened.
fn shown(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(&value[..value.len().min(4 * SHOWN + 4)]);
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().count() > SHOWN {
        shown.push('…');
    }
    shown
}

/// The type as the DDL writes it.
pub(super) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "boolean".into(),
        DataType::Int8 => "tinyint".into(),
        DataType::Int16 => "smallint".into(),
        DataType::Int32 => "int".into(),
        DataType::Int64 => "bigint".into(),
        DataType::Float32 => "float".into(),
        DataType::Float64 => "double".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string".into(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(
            TimeUnit::Second | TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond,
            _,
        ) => "timestamp".into(),
        other => other.to_string().to_lowercase(),
    }
}
