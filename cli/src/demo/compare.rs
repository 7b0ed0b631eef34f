//! Whether two answers are the same.

use super::answers::Rows;

/// Says where two answers differ; None if they agree.
pub(super) fn difference(actual: &Rows, expected: &Rows) -> Option<String> {
    if actual.len() != expected.len() {
        return Some(format!("{} rows instead of {}", actual.len(), expected.len()));
    }
    for (row, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        if actual.len() != expected.len() {
            return Some(format!("{} columns instead of {}", actual.len(), expected.len()));
        }
        for (column, (actual, expected)) in actual.iter().zip(expected).enumerate() {
            if !agree(actual, expected) {
                return Some(format!("row {}, column {}: {actual} instead of {expected}", row + 1, column + 1));
            }
        }
    }
    None
}

/// Numbers must be equal; where the expected one has more decimals (an average that the other engine keeps as a float),
/// they may differ by one in the last decimal that the actual one has.
fn agree(actual: &str, expected: &str) -> bool {
    if actual == expected {
        return true;
    }
    let (Some(actual), Some(expected)) = (Decimal::parse(actual), Decimal::parse(expected)) else { return false };
    match actual.scaled_to(expected.scale.max(actual.scale)).zip(expected.scaled_to(expected.scale.max(actual.scale))) {
        Some((a, b)) if expected.scale <= actual.scale => a == b,
        Some((a, b)) => 10_i128.checked_pow(expected.scale - actual.scale).is_some_and(|unit| (a - b).abs() <= unit),
        None => false,
    }
}

struct Decimal {
    digits: i128,
    scale: u32,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some(Self { digits, scale: u32::try_from(fraction.len()).ok()? })
    }

    fn scaled_to(&self, scale: u32) -> Option<i128> {
        self.digits.checked_mul(10_i128.checked_pow(scale.checked_sub(self.scale)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_values_must_be_equal() {
        assert!(agree("37734107.00", "37734107.00"));
        assert!(agree("37734107.0000", "37734107.00"));
        assert!(agree("1478493", "1478493"));
        assert!(!agree("37734107.01", "37734107.00"));
        assert!(!agree("37734107.0001", "37734107.00"));
        assert!(!agree("1995-03-05", "1995-03-06"));
        assert!(!agree("N", "A"));
        assert!(!agree("NULL", "0"));
    }

    #[test]
    fn averages_agree_to_the_last_decimal_they_have() {
        assert!(agree("25.522005", "25.522005853257337"));
        assert!(agree("25.522006", "25.522005853257337"));
        assert!(!agree("25.522008", "25.522005853257337"));
        assert!(agree("-0.05", "-0.0499999"));
    }

    #[test]
    fn the_first_difference_is_named() {
        let rows =
            |text: &str| -> Rows { text.lines().map(|line| line.split(',').map(String::from).collect()).collect() };
        assert_eq!(difference(&rows("a,1\nb,2"), &rows("a,1\nb,2")), None);
        assert_eq!(difference(&rows("a,1\nb,3"), &rows("a,1\nb,2")).unwrap(), "row 2, column 2: 3 instead of 2");
        assert_eq!(difference(&rows("a,1"), &rows("a,1\nb,2")).unwrap(), "1 rows instead of 2");
    }
}
