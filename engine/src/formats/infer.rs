//! Columns guessed from the first rows of some files.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use chrono::Utc;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, ObjectStore};

use crate::error::{Error, ErrorCode, Result};

use super::cell;
use super::chunks::{ChunkSizes, Object};
use super::header::{Header, column_name, read_header};
use super::options::TextOptions;
use super::record::{RecordScanner, Scan};

/// Files that are looked into, spread evenly over the list.
const FILES: usize = 16;
/// Bytes of each file that are looked at, after decompression.
const SAMPLE: usize = 1 << 20;
/// A record cut by the sample's end may be this long before quotes are taken for unclosed ones.
const CUT_RECORD: usize = 64 << 10;

/// What the files seem to hold.
#[derive(Debug, Clone)]
pub struct Inferred {
    pub schema: SchemaRef,
    /// The given options, with `multiline` set where quoted fields hold line breaks, and `described_by` the first file with columns.
    pub options: TextOptions,
}

/// Guesses names and types from up to 1 MiB of up to 16 of `objects`.
///
/// A column is the narrowest of boolean, bigint, double, date, timestamp that holds every value seen, else string: bigint widens to
/// double and date to timestamp. Integers that lose something as numbers (leading zeros, more than 64 bits) are strings. Columns of
/// several files are united by name; by position, names are those of the first file.
///
/// # Errors
/// `InvalidData` when no file has anything to guess from; whatever the store says.
pub async fn infer(options: &TextOptions, store: &Arc<dyn ObjectStore>, objects: &[ObjectMeta]) -> Result<Inferred> {
    let with_data = objects.iter().filter(|object| object.size > 0).cloned().collect();
    let samples: Vec<_> = stream::iter(spread(with_data, FILES))
        .map(|object| sample(options, Arc::clone(store), object))
        .buffered(FILES / 2)
        .try_collect()
        .await?;
    let mut found = Inferred { schema: Arc::new(Schema::empty()), options: options.clone() };
    let mut columns: Vec<Column> = Vec::new();
    for sample in samples {
        found.options.multiline |= sample.multiline;
        if sample.columns.is_empty() {
            continue;
        }
        found.options.described_by.get_or_insert(sample.object);
        for (index, column) in sample.columns.into_iter().enumerate() {
            let known = match options.columns {
                super::ColumnMapping::Position => columns.get_mut(index),
                super::ColumnMapping::Name => {
                    columns.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&column.name))
                }
            };
            match known {
                Some(known) => known.kind = known.kind.wide_enough_for(column.kind),
                None => columns.push(column),
            }
        }
    }
    if columns.is_empty() {
        let message = match objects {
            [] => "there is no file to take columns from".to_string(),
            [one] => format!("{} is empty: it has no header to take columns from", one.location),
            [first, ..] => format!(
                "all {} files are empty, beginning with {}: there is no header to take columns from",
                objects.len(),
                first.location
            ),
        };
        return Err(
            Error::new(ErrorCode::InvalidData, message).with_hint("declare the columns with CREATE EXTERNAL TABLE")
        );
    }
    found.schema = Arc::new(Schema::new(columns.into_iter().map(Column::into_field).collect::<Vec<_>>()));
    Ok(found)
}

fn spread<T>(all: Vec<T>, count: usize) -> Vec<T> {
    let total = all.len();
    if total <= count {
        return all;
    }
    let mut wanted = (0..count).map(|nth| nth * (total - 1) / (count - 1)).peekable();
    all.into_iter().enumerate().filter(|(index, _)| wanted.next_if_eq(index).is_some()).map(|(_, item)| item).collect()
}

struct Sample {
    object: String,
    multiline: bool,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    kind: Kind,
}

impl Column {
    fn into_field(self) -> Field {
        Field::new(self.name, self.kind.data_type(), true)
    }
}

async fn sample(options: &TextOptions, store: Arc<dyn ObjectStore>, meta: ObjectMeta) -> Result<Sample> {
    let object = Object { store, name: meta.location.to_string(), location: meta.location, size: meta.size };
    let codec = options.compression.of(object.location.as_ref());
    let wanted = if codec.is_some() { object.size } else { object.size.min(SAMPLE as u64 + 1) };
    let raw = object.chunks(0..wanted, ChunkSizes::PEEK);
    let mut input = match codec {
        Some(codec) => codec.decode(object.name.clone(), raw),
        None => raw,
    };
    let mut text = Vec::new();
    let mut whole = false;
    while text.len() <= SAMPLE && !whole {
        match input.try_next().await? {
            Some(bytes) => text.extend_from_slice(&bytes),
            None => whole = true,
        }
    }
    let by_line = read_sample(options, &text, whole);
    let read = match &by_line {
        Some(read) if read.unclosed && options.quote.is_some() && !options.multiline => {
            let multiline = TextOptions { multiline: true, ..options.clone() };
            read_sample(&multiline, &text, whole).filter(|read| read.regular)
        }
        _ => None,
    };
    let multiline = read.is_some();
    let columns = read.or(by_line).map(|read| read.columns).unwrap_or_default();
    Ok(Sample { object: object.name, multiline, columns })
}

struct SampleRead {
    columns: Vec<Column>,
    /// A quote was open at a record's end.
    unclosed: bool,
    /// All records have as many fields as there are columns, and the sample was read to its end.
    regular: bool,
}

/// `None`: there is no header, or no record, to take columns from.
fn read_sample(options: &TextOptions, text: &[u8], whole: bool) -> Option<SampleRead> {
    // What is wrong with a header is reported when the file is scanned.
    let header: Header = read_header(options, text, whole).ok().flatten()?;
    let mut kinds = vec![Kind::Unknown; header.names.as_ref().map_or(0, Vec::len)];
    let mut scanner = RecordScanner::new(options);
    let (mut at, mut unclosed, mut regular) = (header.bytes, false, true);
    while at < text.len() {
        let rest = &text[at..];
        let extent = match scanner.scan(rest, whole) {
            Scan::Incomplete => {
                regular &= rest.len() <= CUT_RECORD;
                break;
            }
            Scan::TooLong => {
                regular = false;
                break;
            }
            Scan::Blank(extent) | Scan::Comment(extent) => extent,
            Scan::Record(extent) => {
                unclosed |= extent.unclosed;
                let fields = scanner.fields().to_vec();
                if header.names.is_none() && kinds.is_empty() {
                    kinds = vec![Kind::Unknown; fields.len()];
                }
                regular &= fields.len() == kinds.len() && !extent.unclosed;
                if fields.len() == kinds.len() && !extent.unclosed {
                    for (kind, field) in kinds.iter_mut().zip(fields) {
                        let bare = scanner.bare(rest, field);
                        if bare.is_none() || bare != options.null_text.as_deref().map(str::as_bytes) {
                            *kind = kind.wide_enough_for(Kind::of(scanner.value(rest, field)));
                        }
                    }
                }
                extent
            }
        };
        at += extent.bytes;
    }
    let names = header.names.unwrap_or_else(|| (0..kinds.len()).map(column_name).collect());
    let columns = names.into_iter().zip(kinds).map(|(name, kind)| Column { name, kind }).collect();
    Some(SampleRead { columns, unclosed, regular })
}

/// What values have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing but NULLs and empty texts so far.
    Unknown,
    Boolean,
    Integer,
    Double,
    Date,
    Timestamp,
    Text,
}

impl Kind {
    fn of(value: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(value) else { return Self::Text };
        let text = text.trim_ascii();
        let digits = text.trim_start_matches(['+', '-']);
        let number_like = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
        if text.is_empty() {
            Self::Unknown
        } else if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
            Self::Boolean
        } else if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let lossless = (digits == "0" || !digits.starts_with('0')) && text.parse::<i64>().is_ok();
            if lossless { Self::Integer } else { Self::Text }
        } else if number_like && text.parse::<f64>().is_ok() {
            let leading_zero = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
            if leading_zero { Self::Text } else { Self::Double }
        } else if text.len() == 10 && cell::date(text.as_bytes(), false).is_some() {
            Self::Date
        } else if cell::timestamp(text, TimeUnit::Microsecond, &Utc, false).is_some() {
            Self::Timestamp
        } else {
            Self::Text
        }
    }

    fn wide_enough_for(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, kind) | (kind, Self::Unknown) => kind,
            (one, other) if one == other => one,
            (Self::Integer, Self::Double) | (Self::Double, Self::Integer) => Self::Double,
            (Self::Date, Self::Timestamp) | (Self::Timestamp, Self::Date) => Self::Timestamp,
            _ => Self::Text,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Unknown | Self::Text => DataType::Utf8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_lose_nothing() {
        let cases = [
            ("", Kind::Unknown),
            ("  ", Kind::Unknown),
            ("True", Kind::Boolean),
            ("0", Kind::Integer),
            ("-12", Kind::Integer),
            (" 7 ", Kind::Integer),
            ("007", Kind::Text),
            ("00.5", Kind::Text),
            ("12345678901234567890", Kind::Text),
            ("--1", Kind::Text),
            ("0.5", Kind::Double),
            ("1e5", Kind::Double),
            ("NaN", Kind::Text),
            ("infinity", Kind::Text),
            ("2024-02-29", Kind::Date),
            ("2023-02-29", Kind::Text),
            ("2024-02-29 10:00:00", Kind::Timestamp),
            ("2024-02-29T10:00:00Z", Kind::Timestamp),
            ("20240229", Kind::Integer),
            ("a", Kind::Text),
        ];
        for (text, kind) in cases {
            assert_eq!(Kind::of(text.as_bytes()), kind, "{text:?}");
        }
    }

    #[test]
    fn kinds_widen() {
        assert_eq!(Kind::Integer.wide_enough_for(Kind::Double), Kind::Double);
        assert_eq!(Kind::Timestamp.wide_enough_for(Kind::Date), Kind::Timestamp);
        assert_eq!(Kind::Unknown.wide_enough_for(Kind::Date), Kind::Date);
        assert_eq!(Kind::Boolean.wide_enough_for(Kind::Integer), Kind::Text);
    }

    #[test]
    fn a_spread_takes_the_first_and_the_last() {
        assert_eq!(spread((0..100).collect(), 4), [0, 33, 66, 99]);
        assert_eq!(spread(vec![1, 2], 4), [1, 2]);
    }
}
