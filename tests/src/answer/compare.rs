//! Are two answers the same?

use std::cmp::Ordering;

use super::{Answer, Value};

/// Whether the rows' order is part of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The query says ORDER BY over enough columns to leave no choice.
    Kept,
    Any,
}

/// Sums of floats differ by the order of their terms.
const RELATIVE_TOLERANCE: f64 = 1e-9;

/// By how much a decimal, which was cut to its scale, may be off the float that was not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slack {
    /// Units of its scale: as many as it adds up quotients.
    pub units: u32,
    /// Whatever its scale: what was cut off a quotient before it was multiplied.
    pub cut: f64,
}

impl Default for Slack {
    /// One unit.
    fn default() -> Self {
        Self { units: 1, cut: 0.0 }
    }
}

impl Slack {
    fn at(self, scale: u32) -> f64 {
        if scale == 0 { 0.0 } else { as_float(i128::from(self.units), scale).max(self.cut) }
    }
}

/// Rows that may be paired one by one.
const SMALL: usize = 20_000;

/// Panics with the first difference.
pub fn assert_same(expected: &Answer, actual: &Answer, order: Order, what: &str) {
    if let Some(difference) = difference(expected, actual, order) {
        panic!("{what}: {difference}");
    }
}

/// Says where the answers differ first. Column names are not compared: engines name expressions differently.
pub fn difference(expected: &Answer, actual: &Answer, order: Order) -> Option<String> {
    difference_within(expected, actual, order, Slack::default())
}

/// As [`difference`], where a decimal may be off its float by so much.
pub(super) fn difference_within(expected: &Answer, actual: &Answer, order: Order, slack: Slack) -> Option<String> {
    if expected.rows.len() != actual.rows.len() {
        let shown = |answer: &Answer| answer.rows.iter().take(5).map(|row| line(row)).collect::<Vec<_>>().join("\n  ");
        return Some(format!(
            "expected {} rows, got {}\nexpected:\n  {}\ngot:\n  {}",
            expected.rows.len(),
            actual.rows.len(),
            shown(expected),
            shown(actual)
        ));
    }
    let (expected_rows, actual_rows) = match order {
        Order::Kept => (expected.rows.clone(), actual.rows.clone()),
        Order::Any => sorted_alike(expected, actual),
    };
    let first = first_difference(&expected_rows, &actual_rows, slack)?;
    // Rows that differ in several floats may be sorted differently by the last digits of the first: then each looks for its own.
    let pairs = order == Order::Any && expected.rows.len() <= SMALL && contains(expected, actual, slack).is_none();
    (!pairs).then_some(first)
}

/// Says which row of `part` is not among `all`, each of which answers for one row.
pub(super) fn contains(all: &Answer, part: &Answer, slack: Slack) -> Option<String> {
    let mut left: Vec<&Vec<Value>> = all.rows.iter().collect();
    for row in &part.rows {
        match left.iter().position(|candidate| same_row(candidate, row, slack)) {
            Some(found) => {
                left.swap_remove(found);
            }
            None => return Some(format!("this row is not (or not so often) among the expected: {}", line(row))),
        }
    }
    None
}

pub(super) fn same_row(left: &[Value], right: &[Value], slack: Slack) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right, slack))
}

fn first_difference(expected: &[Vec<Value>], actual: &[Vec<Value>], slack: Slack) -> Option<String> {
    for (number, (expected, actual)) in expected.iter().zip(actual).enumerate() {
        if expected.len() != actual.len() {
            return Some(format!("expected {} columns, got {}", expected.len(), actual.len()));
        }
        if !same_row(expected, actual, slack) {
            return Some(format!("row {number} differs\nexpected: {}\ngot:      {}", line(expected), line(actual)));
        }
    }
    None
}

fn same(left: &Value, right: &Value, slack: Slack) -> bool {
    match (left, right) {
        (Value::Exact { unscaled: a, scale: i }, Value::Exact { unscaled: b, scale: j }) => {
            let scale = *i.max(j);
            let to_scale = |unscaled: &i128, from: &u32| unscaled.checked_mul(10_i128.checked_pow(scale - from)?);
            match (to_scale(a, i), to_scale(b, j)) {
                (Some(a), Some(b)) => a == b,
                _ => close(as_float(*a, *i), as_float(*b, *j), 0.0),
            }
        }
        // The decimal was rounded (or cut) to its scale, the float was not.
        (Value::Exact { unscaled, scale }, Value::Float(float))
        | (Value::Float(float), Value::Exact { unscaled, scale }) => {
            close(as_float(*unscaled, *scale), *float, slack.at(*scale))
        }
        (Value::Float(a), Value::Float(b)) => (a.is_nan() && b.is_nan()) || a == b || close(*a, *b, 0.0),
        (left, right) => left == right,
    }
}

fn close(a: f64, b: f64, unit: f64) -> bool {
    (a - b).abs() <= unit + RELATIVE_TOLERANCE * a.abs().max(b.abs())
}

fn as_float(unscaled: i128, scale: u32) -> f64 {
    unscaled as f64 / 10_f64.powi(i32::try_from(scale).unwrap_or(i32::MAX))
}

/// Sorts both by the columns that are exact in both, and only then by the approximate ones, whose last digits would sort them differently.
fn sorted_alike(expected: &Answer, actual: &Answer) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
    let width = expected.rows.iter().chain(&actual.rows).map(Vec::len).min().unwrap_or(0);
    let (approximate, exact): (Vec<usize>, Vec<usize>) = (0..width).partition(|column| {
        expected.rows.iter().chain(&actual.rows).any(|row| matches!(row[*column], Value::Float(_)))
    });
    let columns: Vec<usize> = exact.into_iter().chain(approximate).collect();
    let sorted = |answer: &Answer| {
        let mut rows = answer.rows.clone();
        rows.sort_by(|a, b| {
            columns.iter().map(|c| rank(&a[*c], &b[*c])).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        });
        rows
    };
    (sorted(expected), sorted(actual))
}

fn rank(a: &Value, b: &Value) -> Ordering {
    let number = |value: &Value| match value {
        Value::Exact { unscaled, scale } => Some(as_float(*unscaled, *scale)),
        Value::Float(float) => Some(*float),
        Value::Null | Value::Text(_) => None,
    };
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (a, b) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a_number, b_number) => {
                let class = |value: &Value, number: Option<f64>| match (value, number) {
                    (Value::Null, _) => 0,
                    (_, Some(_)) => 1,
                    (_, None) => 2,
                };
                class(a, a_number).cmp(&class(b, b_number))
            }
        },
    }
}

fn line(row: &[Value]) -> String {
    row.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: Vec<Vec<Value>>) -> Answer {
        Answer { columns: Vec::new(), rows }
    }

    fn exact(unscaled: i128, scale: u32) -> Value {
        Value::Exact { unscaled, scale }
    }

    #[test]
    fn decimals_are_compared_by_value_not_by_scale() {
        assert_eq!(
            difference(&answer(vec![vec![exact(150, 2)]]), &answer(vec![vec![exact(15, 1)]]), Order::Kept),
            None
        );
        assert!(
            difference(&answer(vec![vec![exact(150, 2)]]), &answer(vec![vec![exact(151, 2)]]), Order::Kept).is_some()
        );
    }

    #[test]
    fn an_integer_is_not_close_to_another() {
        let a = answer(vec![vec![exact(10_000_000_000, 0)]]);
        assert!(difference(&a, &answer(vec![vec![exact(10_000_000_001, 0)]]), Order::Kept).is_some());
        assert!(difference(&a, &answer(vec![vec![Value::Float(10_000_001_000.0)]]), Order::Kept).is_some());
    }

    #[test]
    fn a_decimal_average_is_its_float_cut_to_its_scale() {
        let float = answer(vec![vec![Value::Float(25.522_005_853)]]);
        assert_eq!(difference(&float, &answer(vec![vec![exact(25_522_005, 6)]]), Order::Kept), None);
        assert!(difference(&float, &answer(vec![vec![exact(25_522_015, 6)]]), Order::Kept).is_some());
    }

    #[test]
    fn floats_that_differ_in_their_last_digits_do_not_part_rows_that_belong_together() {
        let sum = 0.1 + 0.2;
        let a = answer(vec![vec![Value::Float(0.3), exact(1, 0)], vec![Value::Float(sum), exact(1, 0)]]);
        let b = answer(vec![
            vec![Value::Float(sum), Value::Float(5.0), exact(1, 0)],
            vec![Value::Float(0.3), Value::Float(7.0), exact(1, 0)],
        ]);
        let c = answer(vec![
            vec![Value::Float(0.3), Value::Float(5.0), exact(1, 0)],
            vec![Value::Float(sum), Value::Float(7.0), exact(1, 0)],
        ]);
        assert_eq!(difference(&b, &c, Order::Any), None);
        assert!(difference(&a, &c, Order::Any).is_some());
        let twice = answer(vec![b.rows[0].clone(), b.rows[0].clone()]);
        assert!(difference(&b, &twice, Order::Any).is_some());
    }

    #[test]
    fn order_counts_only_where_asked() {
        let a = answer(vec![vec![exact(1, 0), Value::Null], vec![exact(2, 0), Value::Float(0.5)]]);
        let b = answer(vec![vec![exact(2, 0), Value::Float(0.5)], vec![exact(1, 0), Value::Null]]);
        assert_eq!(difference(&a, &b, Order::Any), None);
        assert!(difference(&a, &b, Order::Kept).is_some());
    }
}
