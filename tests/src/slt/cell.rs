//! How values are written in the files, the same for every engine.

use sqllogictest::{ColumnType, DefaultColumnType};

use crate::answer::Value;

pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Exact { unscaled, scale } => exact(*unscaled, *scale),
        Value::Float(float) => self::float(*float),
        Value::Text(text) if text.is_empty() || text.contains(' ') || text == "NULL" => format!("'{}'", escaped(text)),
        Value::Text(text) => escaped(text),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
}

fn exact(unscaled: i128, scale: u32) -> String {
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale as usize + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
    let fraction = fraction.trim_end_matches('0');
    let sign = if unscaled < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The last digits of a sum depend on the order of its terms.
fn float(float: f64) -> String {
    if !float.is_finite() {
        return float.to_string();
    }
    let rounded: f64 = format!("{float:.11e}").parse().unwrap_or(float);
    match rounded.abs() {
        0.0 => "0".to_owned(),
        size if (1e-6..1e16).contains(&size) => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}

/// The kind of a column, seen in its values.
pub(super) fn type_of<'a>(values: impl Iterator<Item = &'a Value>) -> DefaultColumnType {
    let mut kind = DefaultColumnType::Any;
    for value in values {
        match value {
            Value::Null => {}
            Value::Text(_) => return DefaultColumnType::Text,
            _ if kind == DefaultColumnType::FloatingPoint => {}
            value if is_whole(value) => kind = DefaultColumnType::Integer,
            _ => kind = DefaultColumnType::FloatingPoint,
        }
    }
    kind
}

/// As it is written: the last digits of a float do not count.
fn is_whole(value: &Value) -> bool {
    text(value).parse::<i128>().is_ok()
}

#[expect(clippy::ptr_arg, reason = "the runner wants this signature")]
pub(super) fn same_types(actual: &Vec<DefaultColumnType>, expected: &Vec<DefaultColumnType>) -> bool {
    let letters = |types: &[DefaultColumnType]| types.iter().map(ColumnType::to_char).collect::<String>();
    letters(actual) == letters(expected)
}

/// The files are written as values are shown: nothing to make equal.
#[expect(clippy::ptr_arg, reason = "the runner wants this signature")]
pub(super) fn unchanged(line: &String) -> String {
    line.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_in_one_way() {
        assert_eq!(text(&Value::Exact { unscaled: -250, scale: 2 }), "-2.5");
        assert_eq!(text(&Value::Exact { unscaled: 5, scale: 3 }), "0.005");
        assert_eq!(text(&Value::Exact { unscaled: 0, scale: 2 }), "0");
        assert_eq!(text(&Value::Float(0.1 + 0.2)), "0.3");
        assert_eq!(text(&Value::Float(1e300)), "1e300");
        assert_eq!(text(&Value::Float(f64::NEG_INFINITY)), "-inf");
        assert_eq!(text(&Value::Text("a b\n".to_owned())), "'a b\\n'");
        assert_eq!(text(&Value::Text(String::new())), "''");
        assert_eq!(text(&Value::Null), "NULL");
    }
}
