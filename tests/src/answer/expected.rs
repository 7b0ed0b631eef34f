//! All that a query with ORDER BY and LIMIT may answer, which is more than one answer when keys tie.

use super::compare::{Slack, contains, difference_within, same_row};
use super::{Answer, Order, Value};

/// The independent engine's answer without the LIMIT, in its order, and what that order was by.
///
/// Rows with equal keys form a *run*. An answer is right when it has the rows of each run, in any order, where the run was; of a run that
/// OFFSET or LIMIT cuts, as many of its rows as lie inside. Without ORDER BY all rows are one run. Nothing else is allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    rows: Answer,
    /// For each row its sort keys; floats that are equal within the tolerance tie.
    keys: Vec<Vec<Value>>,
    offset: usize,
    limit: usize,
    slack: Slack,
}

impl Expected {
    /// `keys` are one list a row, empty lists where the query does not order.
    pub fn new(rows: Answer, keys: Vec<Vec<Value>>, offset: usize, limit: Option<usize>) -> Self {
        assert_eq!(rows.rows.len(), keys.len(), "keys for each row");
        Self { rows, keys, offset, limit: limit.unwrap_or(usize::MAX), slack: Slack::default() }
    }

    /// For a query that adds up or multiplies quotients of decimals, each of which is cut to its scale.
    pub fn with_slack(self, slack: Slack) -> Self {
        Self { slack, ..self }
    }

    /// How many rows the answer has.
    pub fn row_count(&self) -> usize {
        let (start, end) = self.window();
        end - start
    }

    /// Says where the answer is wrong first.
    pub fn difference(&self, actual: &Answer) -> Option<String> {
        let (start, end) = self.window();
        if actual.rows.len() != end - start {
            return difference_within(&self.part(start, end), actual, Order::Any, self.slack);
        }
        for (first, last) in self.runs() {
            let (from, to) = (first.max(start), last.min(end));
            if from >= to {
                continue;
            }
            let run = self.part(first, last);
            let found = Answer { columns: Vec::new(), rows: actual.rows[from - start..to - start].to_vec() };
            let whole = (from, to) == (first, last);
            let wrong = if whole {
                difference_within(&run, &found, Order::Any, self.slack)
            } else {
                contains(&run, &found, self.slack)
            };
            if let Some(wrong) = wrong {
                let kind = if whole { "" } else { ", of which LIMIT or OFFSET takes a part" };
                return Some(format!(
                    "rows {}..{} of the answer, {} rows with equal keys{kind}: {wrong}",
                    from - start,
                    to - start,
                    last - first
                ));
            }
        }
        None
    }

    fn window(&self) -> (usize, usize) {
        let total = self.rows.rows.len();
        let start = self.offset.min(total);
        (start, start.saturating_add(self.limit).min(total))
    }

    fn part(&self, start: usize, end: usize) -> Answer {
        Answer { columns: self.rows.columns.clone(), rows: self.rows.rows[start..end].to_vec() }
    }

    /// Start and end of each run.
    fn runs(&self) -> Vec<(usize, usize)> {
        let mut runs = Vec::new();
        let mut first = 0;
        for row in 1..=self.keys.len() {
            if row == self.keys.len() || !same_row(&self.keys[row - 1], &self.keys[row], Slack::default()) {
                runs.push((first, row));
                first = row;
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(unscaled: i128) -> Value {
        Value::Exact { unscaled, scale: 0 }
    }

    fn answer(rows: &[(i128, &str)]) -> Answer {
        let rows = rows.iter().map(|(key, text)| vec![number(*key), Value::Text((*text).to_owned())]).collect();
        Answer { columns: Vec::new(), rows }
    }

    /// Keys 1, 2, 2, 2, 3, taken from `offset` on.
    fn expected(offset: usize, limit: Option<usize>) -> Expected {
        let rows = answer(&[(1, "a"), (2, "b"), (2, "c"), (2, "d"), (3, "e")]);
        let keys = rows.rows.iter().map(|row| vec![row[0].clone()]).collect();
        Expected::new(rows, keys, offset, limit)
    }

    fn is_right(expected: &Expected, rows: &[(i128, &str)]) -> bool {
        expected.difference(&answer(rows)).is_none()
    }

    #[test]
    fn ties_may_come_in_any_order_and_nothing_else_may() {
        let all = expected(0, None);
        assert!(is_right(&all, &[(1, "a"), (2, "d"), (2, "b"), (2, "c"), (3, "e")]));
        assert!(!is_right(&all, &[(2, "b"), (1, "a"), (2, "c"), (2, "d"), (3, "e")]));
        assert!(!is_right(&all, &[(1, "a"), (2, "b"), (2, "b"), (2, "c"), (3, "e")]));
        assert!(!is_right(&all, &[(1, "a"), (2, "b"), (2, "c"), (2, "d")]));
    }

    #[test]
    fn a_limit_takes_any_of_the_rows_that_tie_at_it() {
        let three = expected(0, Some(3));
        assert!(is_right(&three, &[(1, "a"), (2, "b"), (2, "c")]));
        assert!(is_right(&three, &[(1, "a"), (2, "d"), (2, "b")]));
        assert!(!is_right(&three, &[(1, "a"), (2, "d"), (2, "d")]), "a row twice");
        assert!(!is_right(&three, &[(1, "a"), (2, "b"), (3, "e")]), "a later key");
        assert!(!is_right(&three, &[(1, "x"), (2, "b"), (2, "c")]), "no such row");
        assert!(!is_right(&three, &[(1, "a"), (2, "b"), (2, "c"), (2, "d")]), "too many");
        assert!(!is_right(&three, &[(1, "a"), (2, "b")]), "too few");
    }

    #[test]
    fn an_offset_may_leave_out_any_of_the_rows_that_tie_at_it() {
        let middle = expected(2, Some(2));
        assert!(is_right(&middle, &[(2, "b"), (2, "d")]));
        assert!(!is_right(&middle, &[(1, "a"), (2, "d")]));
        let end = expected(3, None);
        assert!(is_right(&end, &[(2, "b"), (3, "e")]));
        assert!(!is_right(&end, &[(3, "e"), (2, "b")]));
        assert!(is_right(&expected(9, Some(1)), &[]));
    }

    #[test]
    fn without_order_a_limit_takes_any_rows_of_the_whole() {
        let rows = answer(&[(1, "a"), (2, "b"), (3, "c")]);
        let any = Expected::new(rows, vec![Vec::new(); 3], 0, Some(2));
        assert!(is_right(&any, &[(3, "c"), (1, "a")]));
        assert!(!is_right(&any, &[(3, "c"), (3, "c")]));
        assert!(!is_right(&any, &[(3, "c"), (4, "a")]));
    }

    #[test]
    fn keys_that_are_not_among_the_columns_count_too() {
        let rows = answer(&[(1, "a"), (1, "b")]);
        let apart = Expected::new(rows.clone(), vec![vec![number(8)], vec![number(9)]], 0, None);
        assert!(is_right(&apart, &[(1, "a"), (1, "b")]));
        assert!(!is_right(&apart, &[(1, "b"), (1, "a")]));
    }

    #[test]
    fn as_much_is_allowed_as_was_said() {
        let row = |value| Answer { columns: Vec::new(), rows: vec![vec![value]] };
        let float = Expected::new(row(Value::Float(0.075_249_098)), vec![Vec::new()], 0, None);
        let cut_twice = row(Value::Exact { unscaled: 75_248, scale: 6 });
        assert!(float.difference(&cut_twice).is_some());
        let float = float.with_slack(Slack { units: 2, ..Slack::default() });
        assert_eq!(float.difference(&cut_twice), None);
        assert!(float.difference(&row(Value::Exact { unscaled: 75_246, scale: 6 })).is_some());
        let float = float.with_slack(Slack { cut: 1e-5, ..Slack::default() });
        assert_eq!(float.difference(&row(Value::Exact { unscaled: 75_240_000_000, scale: 12 })), None);
        assert!(float.difference(&row(Value::Exact { unscaled: 75_238_000_000, scale: 12 })).is_some());
        assert!(float.difference(&row(Value::Exact { unscaled: 1, scale: 0 })).is_some());
    }

    #[test]
    fn float_keys_tie_within_the_tolerance_only() {
        let rows = answer(&[(1, "a"), (1, "b")]);
        let keyed = |second: f64| {
            let keys = vec![vec![Value::Float(0.3)], vec![Value::Float(second)]];
            Expected::new(rows.clone(), keys, 0, None)
        };
        assert!(is_right(&keyed(0.1 + 0.2), &[(1, "b"), (1, "a")]));
        assert!(!is_right(&keyed(0.300_001), &[(1, "b"), (1, "a")]));
    }
}
