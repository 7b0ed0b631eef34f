//! One value from its text. `None`: the text is not of that type.

use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::{Date32Type, TimeUnit};
use chrono::{DateTime, NaiveDate, TimeZone, Utc};

/// Decimal digits that always fit a `u128` mantissa.
const MAX_DIGITS: u32 = 38;
/// Decimal digits that always fit an `i64`.
const SHORT_DIGITS: u32 = 18;

pub(super) fn boolean(text: &[u8]) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(["true", "t", "1", "yes"]) {
        Some(true)
    } else if is(["false", "f", "0", "no"]) {
        Some(false)
    } else {
        None
    }
}

/// `123`, `-1.5`, `+.5`, `1e3`: rounded half up at the scale, as Hive and Athena do. `None` also when it has more digits than `precision`.
///
/// Arrow's own parser cuts surplus digits off instead of rounding.
pub(super) fn decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    if let Some(value) = short_decimal(text, precision, scale) {
        return Some(value);
    }
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mut mantissa, mut exponent, mut digits) = (0_u128, 0_i64, 0_u32);
    let (mut seen_digit, mut seen_point, mut next_digit) = (false, false, None);
    let mut bytes = rest.iter();
    for byte in bytes.by_ref() {
        match byte {
            b'0'..=b'9' => {
                seen_digit = true;
                if digits < MAX_DIGITS {
                    mantissa = mantissa * 10 + u128::from(byte - b'0');
                    digits += u32::from(mantissa != 0);
                    exponent -= i64::from(seen_point);
                } else {
                    next_digit = next_digit.or(Some(byte - b'0'));
                    exponent += i64::from(!seen_point);
                }
            }
            b'.' if !seen_point => seen_point = true,
            b'e' | b'E' if seen_digit => {
                let power = std::str::from_utf8(bytes.as_slice()).ok()?;
                exponent = exponent.checked_add(power.parse::<i32>().ok()?.into())?;
                break;
            }
            _ => return None,
        }
    }
    if !seen_digit {
        return None;
    }
    let magnitude = scaled(mantissa, exponent + i64::from(scale), next_digit.unwrap_or(0))?;
    let limit = 10_u128.checked_pow(precision.into())?;
    let value = i128::try_from(magnitude).ok().filter(|_| magnitude < limit)?;
    Some(if negative { -value } else { value })
}

/// What most values are: a few digits, no more of them behind the point than the scale, and no doubt that they fit. In 64 bits.
fn short_decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if rest.len() > SHORT_DIGITS as usize {
        return None;
    }
    let (mut mantissa, mut digits, mut decimals) = (0_i64, 0_u32, None);
    for byte in rest {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + i64::from(byte - b'0');
                digits += 1;
                decimals = decimals.map(|decimals| decimals + 1);
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            _ => return None,
        }
    }
    let missing = u32::try_from(scale).ok()?.checked_sub(decimals.unwrap_or(0))?;
    if digits == 0 || digits + missing > SHORT_DIGITS.min(precision.into()) {
        return None;
    }
    let value = i128::from(mantissa * 10_i64.pow(missing));
    Some(if negative { -value } else { value })
}

/// `mantissa · 10^shift`, rounded half up; `next_digit` is the digit after the mantissa.
fn scaled(mantissa: u128, shift: i64, next_digit: u8) -> Option<u128> {
    if mantissa == 0 {
        return Some(0);
    }
    if shift > 0 {
        let power = 10_u128.checked_pow(shift.try_into().ok()?)?;
        return if next_digit == 0 { mantissa.checked_mul(power) } else { None };
    }
    if shift == 0 {
        return Some(mantissa + u128::from(next_digit >= 5));
    }
    let Some(power) = u32::try_from(-shift).ok().and_then(|shift| 10_u128.checked_pow(shift)) else { return Some(0) };
    Some(mantissa / power + u128::from(mantissa % power >= power / 2))
}

/// Days since 1970 of `2024-02-29`; the date part of a timestamp is taken too.
pub(super) fn date(text: &[u8], epoch_times: bool) -> Option<i32> {
    if let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text {
        let number = |digits: &[u8]| digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        if [y1, y2, y3, y4, m1, m2, d1, d2].iter().all(u8::is_ascii_digit) {
            let year = i32::try_from(number(&[y1, y2, y3, y4])).ok()?;
            return Some(NaiveDate::from_ymd_opt(year, number(&[m1, m2]), number(&[d1, d2]))?.to_epoch_days());
        }
    }
    let text = str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    if epoch_times && let Ok(days) = text.parse() {
        return Some(days);
    }
    Date32Type::parse(text)
}

/// `2024-02-29`, `2024-02-29 12:30:00[.123456789]`, or with `T` and an offset, in `unit`s since 1970. A text without an offset is
/// local to `zone`; finer digits than the unit are cut off. `None` also when the unit cannot hold it.
pub(super) fn timestamp<Z: TimeZone>(text: &str, unit: TimeUnit, zone: &Z, epoch_times: bool) -> Option<i64> {
    if !text.is_ascii() {
        return None;
    }
    if epoch_times && let Ok(millis) = text.parse() {
        return in_unit(&DateTime::from_timestamp_millis(millis)?, unit);
    }
    in_unit(&string_to_datetime(zone, text).ok()?.with_timezone(&Utc), unit)
}

fn in_unit(time: &DateTime<Utc>, unit: TimeUnit) -> Option<i64> {
    match unit {
        TimeUnit::Second => Some(time.timestamp()),
        TimeUnit::Millisecond => Some(time.timestamp_millis()),
        TimeUnit::Microsecond => Some(time.timestamp_micros()),
        TimeUnit::Nanosecond => time.timestamp_nanos_opt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_rounded_half_up_and_checked_against_the_precision() {
        let parse = |text: &str| decimal(text.as_bytes(), 5, 2);
        let cases = [
            ("1", Some(100)),
            ("-1.5", Some(-150)),
            ("+.5", Some(50)),
            ("7.", Some(700)),
            ("1.005", Some(101)),
            ("1.0049", Some(100)),
            ("-1.005", Some(-101)),
            ("999.99", Some(99999)),
            ("999.994", Some(99999)),
            ("999.995", None),
            ("1000", None),
            ("1e2", Some(10000)),
            ("12345e-3", Some(1235)),
            ("0.0000000000000000000000000000000000000000000000000001", Some(0)),
            ("000000000000000000000000000000000000000000000000001.25", Some(125)),
            ("1e-99999", Some(0)),
            ("1e99999", None),
            ("0e99999", Some(0)),
            ("", None),
            (".", None),
            ("-", None),
            ("e5", None),
            ("1e", None),
            ("1.2.3", None),
            ("1,000", None),
            ("abc", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text:?}");
        }
        let widest = "99999999999999999999999999999999999999";
        assert_eq!(decimal(widest.as_bytes(), 38, 0), Some(10_i128.pow(38) - 1));
        assert_eq!(decimal(format!("{widest}.5").as_bytes(), 38, 0), None);
        assert_eq!(decimal(format!("{widest}9").as_bytes(), 38, 0), None);
        assert_eq!(decimal("9".repeat(400).as_bytes(), 38, 0), None);
        assert_eq!(
            decimal(b"1234567890123456789012345678901234567.85", 38, 1),
            Some(12345678901234567890123456789012345679)
        );
    }

    #[test]
    fn times_are_iso_and_epoch_numbers_where_the_serde_writes_them() {
        assert_eq!(date(b"1970-01-02", false), Some(1));
        assert_eq!(date(b"1970-01-02 10:00:00", false), Some(1));
        assert_eq!(date(b"2024-02-30", false), None);
        assert_eq!(date(b"19782", false), None);
        assert_eq!(date(b"19782", true), Some(19782));
        assert_eq!(date(b"0000-01-01", false), Date32Type::parse("0000-01-01"));
        assert_eq!(date(b"9999-12-31", false), Date32Type::parse("9999-12-31"));
        assert_eq!(date(b"2023-02-29", false), None);
        assert_eq!(date(b"2024-1x-01", false), None);
        let micros = |text| timestamp(text, TimeUnit::Microsecond, &Utc, false);
        assert_eq!(micros("1970-01-01 00:00:01"), Some(1_000_000));
        assert_eq!(micros("1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(micros("1970-01-01T00:00:01.123456789"), Some(1_123_456));
        assert_eq!(micros("1970-01-01T02:00:00+02:00"), Some(0));
        assert_eq!(micros("1970-01-02"), Some(86_400_000_000));
        assert_eq!(micros("0001-01-01 00:00:00"), Some(-62_135_596_800_000_000));
        assert_eq!(micros("1970-01-01 25:00:00"), None);
        assert_eq!(micros("yesterday…"), None);
        assert_eq!(timestamp("0001-01-01 00:00:00", TimeUnit::Nanosecond, &Utc, false), None);
        assert_eq!(timestamp("1500", TimeUnit::Microsecond, &Utc, true), Some(1_500_000));
    }

    #[test]
    fn booleans_are_words_or_digits() {
        for (text, expected) in [("TRUE", Some(true)), ("f", Some(false)), ("1", Some(true)), ("2", None), ("", None)] {
            assert_eq!(boolean(text.as_bytes()), expected, "{text:?}");
        }
    }
}
