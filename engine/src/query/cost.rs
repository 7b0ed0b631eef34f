//! What a query cost, and what Athena would have charged for it.

use serde::{Deserialize, Serialize};

use super::PriceBook;
use crate::storage::RequestCounts;

const MEGABYTE: u64 = 1_000_000;
const TERABYTE: f64 = 1e12;

/// Athena charges for 10 MB at least, in whole megabytes.
const ATHENA_MINIMUM_MB: u64 = 10;

/// US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    pub lambda: f64,
    pub s3: f64,
    /// What Athena charges for the same bytes scanned, whether or not they were still in memory here.
    pub athena: f64,
}

impl Cost {
    /// `gb_seconds` and `invocations` are Lambda's; `requests` are all that the query made, wherever.
    pub fn of(prices: &PriceBook, gb_seconds: f64, invocations: u64, requests: &RequestCounts) -> Self {
        let lambda = gb_seconds * prices.lambda_gb_second.usd + invocations as f64 * prices.lambda_request.usd;
        let reads = (requests.get + requests.head) as f64 * prices.s3_get.usd;
        let writes = (requests.put + requests.list) as f64 * prices.s3_put.usd;
        let scanned = requests.bytes_scanned + requests.bytes_remembered;
        Self { lambda, s3: reads + writes, athena: athena(prices, scanned) }
    }

    pub fn total(&self) -> f64 {
        self.lambda + self.s3
    }
}

/// Statements that read no data, DDL among them, are free.
fn athena(prices: &PriceBook, bytes: u64) -> f64 {
    if bytes == 0 {
        return 0.0;
    }
    let megabytes = bytes.div_ceil(MEGABYTE).max(ATHENA_MINIMUM_MB);
    (megabytes * MEGABYTE) as f64 / TERABYTE * prices.athena_terabyte.usd
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn lambda_and_s3_are_added_up_by_the_book() {
        let prices = PriceBook::built_in().unwrap();
        let requests = RequestCounts { get: 100, head: 10, put: 4, list: 1, ..RequestCounts::default() };
        let cost = Cost::of(&prices, 9.0, 12, &requests);
        assert!(close(cost.lambda, 9.0 * 0.0000133334 + 12.0 * 0.0000002), "{cost:?}");
        assert!(close(cost.s3, 110.0 * 0.0000004 + 5.0 * 0.000005), "{cost:?}");
        assert!(close(cost.total(), cost.lambda + cost.s3));
    }

    #[test]
    fn athena_rounds_up_and_has_a_minimum() {
        let prices = PriceBook::built_in().unwrap();
        assert!(close(athena(&prices, 0), 0.0));
        assert!(close(athena(&prices, 1), 0.00005));
        assert!(close(athena(&prices, 10 * MEGABYTE + 1), 0.000055));
        assert!(close(athena(&prices, 1_000_000 * MEGABYTE), 5.0));
    }
}
