//! The values that partitions and filters hold, and the comparisons that are certain.

use std::cmp::Ordering;

use chrono::{NaiveDate, NaiveDateTime};

use crate::hive_path::NULL_VALUE;
use crate::hive_type::HiveType;

/// One value of a filter or of a partition.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Boolean(bool),
    /// Any whole number.
    Integer(i128),
    /// `unscaled / 10^scale`.
    Decimal {
        unscaled: i128,
        scale: u8,
    },
    Double(f64),
    String(String),
    /// Days since 1970-01-01.
    Date(i32),
    /// Nanoseconds since 1970-01-01 00:00, without a zone.
    Timestamp(i128),
}

impl Literal {
    /// A partition's text as a value of its key's type, `None` where it does not read as one.
    pub(super) fn of_partition_value(text: &str, data_type: &HiveType) -> Option<Self> {
        if text == NULL_VALUE {
            return Some(Self::Null);
        }
        match data_type {
            HiveType::Boolean => text.to_ascii_lowercase().parse().ok().map(Self::Boolean),
            HiveType::TinyInt => text.parse::<i8>().ok().map(|number| Self::Integer(number.into())),
            HiveType::SmallInt => text.parse::<i16>().ok().map(|number| Self::Integer(number.into())),
            HiveType::Int => text.parse::<i32>().ok().map(|number| Self::Integer(number.into())),
            HiveType::BigInt => text.parse::<i64>().ok().map(|number| Self::Integer(number.into())),
            HiveType::Double => text.parse().ok().map(Self::Double),
            HiveType::Decimal { scale, .. } => decimal(text, *scale),
            HiveType::String | HiveType::Varchar(_) => Some(Self::String(text.to_owned())),
            HiveType::Date => date(text).map(Self::Date),
            HiveType::Timestamp => timestamp(text).map(Self::Timestamp),
            // A float compares differently as 32 and as 64 bits, and a char with and without its padding.
            HiveType::Float | HiveType::Char(_) | HiveType::Instant => None,
            HiveType::Binary | HiveType::Array(_) | HiveType::Map(..) | HiveType::Struct(_) => None,
        }
    }

    /// How two values of one kind compare; `None` where an engine might see it differently than we do.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(left), Self::Boolean(right)) => Some(left.cmp(right)),
            (Self::Integer(left), Self::Integer(right)) | (Self::Timestamp(left), Self::Timestamp(right)) => {
                Some(left.cmp(right))
            }
            (Self::Date(left), Self::Date(right)) => Some(left.cmp(right)),
            (Self::String(left), Self::String(right)) => Some(left.cmp(right)),
            (Self::Double(left), Self::Double(right)) => doubles(*left, *right),
            _ => {
                let (left, left_scale) = self.as_decimal()?;
                let (right, right_scale) = other.as_decimal()?;
                let scale = left_scale.max(right_scale);
                Some(rescaled(left, left_scale, scale)?.cmp(&rescaled(right, right_scale, scale)?))
            }
        }
    }

    fn as_decimal(&self) -> Option<(i128, u8)> {
        match self {
            Self::Integer(number) => Some((*number, 0)),
            Self::Decimal { unscaled, scale } => Some((*unscaled, *scale)),
            _ => None,
        }
    }
}

/// NaN and the two zeros have an order in Arrow and another one in IEEE 754: no order here.
fn doubles(left: f64, right: f64) -> Option<Ordering> {
    if left == 0.0 && right == 0.0 && left.is_sign_negative() != right.is_sign_negative() {
        return None;
    }
    left.partial_cmp(&right)
}

fn rescaled(unscaled: i128, from: u8, to: u8) -> Option<i128> {
    unscaled.checked_mul(10_i128.checked_pow(u32::from(to - from))?)
}

/// Digits beyond the key's scale would be rounded by whoever reads them: not certain.
fn decimal(text: &str, scale: u8) -> Option<Literal> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > usize::from(scale) {
        return None;
    }
    let written = u8::try_from(fraction.len()).ok()?;
    let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some(Literal::Decimal { unscaled: rescaled(sign * unscaled, written, scale)?, scale })
}

fn date(text: &str) -> Option<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    i32::try_from(date.signed_duration_since(NaiveDate::default()).num_days()).ok()
}

fn timestamp(text: &str) -> Option<i128> {
    let time = match NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f") {
        Ok(time) => time,
        Err(_) => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?,
    };
    let utc = time.and_utc();
    Some(i128::from(utc.timestamp()) * 1_000_000_000 + i128::from(utc.timestamp_subsec_nanos()))
}
