//! What one query may take.

use std::time::Duration;

use crate::error::{Error, ErrorCode};

/// Ceilings of a query; none is set unless somebody sets it. A process sets them for all queries, a session may lower them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryLimits {
    /// Bytes of table data that the query may read, here and on workers; it is cut off while it runs.
    pub max_bytes_scanned: Option<u64>,
    /// From the start of planning to the last row; time in the queue does not count.
    pub max_time: Option<Duration>,
    /// A query with more rows fails; its result is never cut short.
    pub max_result_rows: Option<u64>,
    /// US dollars for Lambda and S3.
    pub max_cost: Option<f64>,
    /// Bytes that the query's operators may hold in this process; what can spill does so before.
    pub memory_per_query: Option<u64>,
}

/// What a query has taken so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) bytes_scanned: u64,
    pub(super) time: Duration,
    pub(super) rows: u64,
    pub(super) dollars: f64,
}

impl QueryLimits {
    /// The lower one of each.
    pub fn lowered_by(&self, other: &Self) -> Self {
        fn lower<T: PartialOrd + Copy>(one: Option<T>, other: Option<T>) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(if other < one { other } else { one }),
                (one, other) => one.or(other),
            }
        }
        Self {
            max_bytes_scanned: lower(self.max_bytes_scanned, other.max_bytes_scanned),
            max_time: lower(self.max_time, other.max_time),
            max_result_rows: lower(self.max_result_rows, other.max_result_rows),
            max_cost: lower(self.max_cost, other.max_cost),
            memory_per_query: lower(self.memory_per_query, other.memory_per_query),
        }
    }

    /// The error of a query that has taken too much of something.
    pub(super) fn check(&self, spent: &Spent) -> Result<(), Error> {
        let over = if let Some(limit) = self.max_bytes_scanned.filter(|limit| spent.bytes_scanned > *limit) {
            let reached = spent.bytes_scanned;
            ("max_bytes_scanned", format!("the query scanned {reached} bytes, its limit is {limit} bytes"))
        } else if let Some(limit) = self.max_result_rows.filter(|limit| spent.rows > *limit) {
            ("max_result_rows", format!("the result has more than {limit} rows, the limit of the query"))
        } else if let Some(limit) = self.max_time.filter(|limit| spent.time > *limit) {
            let (reached, limit) = (spent.time.as_secs_f64(), limit.as_secs_f64());
            ("max_time", format!("the query ran for {reached:.1} s, its limit is {limit} s"))
        } else if let Some(limit) = self.max_cost.filter(|limit| spent.dollars > *limit) {
            ("max_cost", format!("the query cost ${:.6}, its limit is ${limit}", spent.dollars))
        } else {
            return Ok(());
        };
        Err(exceeded(over.0, over.1))
    }

    /// The error of a query that would cost too much, before it has begun.
    pub(super) fn check_estimate(&self, dollars: f64) -> Result<(), Error> {
        let Some(limit) = self.max_cost.filter(|limit| dollars > *limit) else { return Ok(()) };
        Err(exceeded("max_cost", format!("the query is estimated to cost ${dollars:.6}, its limit is ${limit}")))
    }
}

fn exceeded(setting: &str, message: String) -> Error {
    Error::new(ErrorCode::ResourceExhausted, message)
        .with_hint(format!("raise it by SET arachne.{setting}, up to limits.{setting} of the server's settings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_named_with_its_value_and_its_setting() {
        let limits = QueryLimits {
            max_bytes_scanned: Some(100),
            max_time: Some(Duration::from_secs(2)),
            max_result_rows: Some(10),
            max_cost: Some(0.5),
            memory_per_query: None,
        };
        let at_the_limit = Spent { bytes_scanned: 100, time: Duration::from_secs(2), rows: 10, dollars: 0.5 };
        limits.check(&at_the_limit).unwrap();
        QueryLimits::default().check(&Spent { bytes_scanned: u64::MAX, ..at_the_limit }).unwrap();
        for (spent, setting, says) in [
            (Spent { bytes_scanned: 101, ..at_the_limit }, "max_bytes_scanned", "101 bytes"),
            (Spent { time: Duration::from_millis(2100), ..at_the_limit }, "max_time", "2.1 s"),
            (Spent { rows: 11, ..at_the_limit }, "max_result_rows", "10 rows"),
            (Spent { dollars: 0.75, ..at_the_limit }, "max_cost", "$0.75"),
        ] {
            let error = limits.check(&spent).unwrap_err();
            assert_eq!(error.code, ErrorCode::ResourceExhausted);
            assert!(error.message.contains(says), "{error}");
            assert!(error.hint.unwrap().contains(&format!("SET arachne.{setting}")));
        }
        assert!(limits.check_estimate(0.6).unwrap_err().message.contains("estimated"));
        limits.check_estimate(0.5).unwrap();
    }
}
