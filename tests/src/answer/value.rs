//! One value of an answer.

use std::fmt;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::Deserialize;

/// A value, as far as comparing goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    /// An integer or decimal: `unscaled / 10^scale`.
    Exact {
        unscaled: i128,
        scale: u32,
    },
    Float(f64),
    /// Strings, and dates, times, booleans and the rest as they are written.
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Exact,
    Float,
    Text,
}

impl Value {
    pub(super) fn parse(text: Option<&str>, kind: Kind) -> Result<Self> {
        let Some(text) = text else { return Ok(Self::Null) };
        match kind {
            Kind::Exact => parse_exact(text).with_context(|| format!("{text} is not an exact number")),
            Kind::Float => Ok(Self::Float(text.parse()?)),
            Kind::Text => Ok(Self::Text(text.to_owned())),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Exact { unscaled, scale: 0 } => write!(f, "{unscaled}"),
            Self::Exact { unscaled, scale } => write!(f, "{unscaled}e-{scale}"),
            Self::Float(float) => write!(f, "{float:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

pub(super) fn append_rows(batch: &RecordBatch, rows: &mut Vec<Vec<Value>>) -> Result<()> {
    let options = FormatOptions::default();
    let columns = batch
        .columns()
        .iter()
        .map(|column| Ok((column, kind_of(column.data_type()), ArrayFormatter::try_new(column.as_ref(), &options)?)))
        .collect::<Result<Vec<_>>>()?;
    for row in 0..batch.num_rows() {
        let values = columns.iter().map(|(column, kind, formatter)| {
            // An array of the type Null has no list of its nulls.
            if column.is_null(row) || column.data_type() == &DataType::Null {
                return Ok(Value::Null);
            }
            let text = formatter.value(row).try_to_string()?;
            let text = if is_moment(column.data_type()) { without_needless_digits(text) } else { text };
            Value::parse(Some(&text), *kind)
        });
        rows.push(values.collect::<Result<_>>()?);
    }
    Ok(())
}

fn kind_of(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Kind::Float,
        other if other.is_integer() || other.is_decimal() => Kind::Exact,
        _ => Kind::Text,
    }
}

fn is_moment(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Timestamp(..) | DataType::Time32(_) | DataType::Time64(_))
}

/// Arrow writes fractions of a second with 3, 6 or 9 digits, others with as many as they have.
fn without_needless_digits(moment: String) -> String {
    let Some((whole, fraction)) = moment.split_once('.') else { return moment };
    let digits = fraction.trim_end_matches(|c: char| !c.is_ascii_digit());
    let zone = &fraction[digits.len()..];
    match digits.trim_end_matches('0') {
        "" => format!("{whole}{zone}"),
        digits => format!("{whole}.{digits}{zone}"),
    }
}

fn parse_exact(text: &str) -> Result<Value> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let unscaled = format!("{whole}{fraction}").parse()?;
    Ok(Value::Exact { unscaled, scale: u32::try_from(fraction.len())? })
}
