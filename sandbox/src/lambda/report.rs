//! The lines that Lambda itself writes into a function's log.

use std::time::Duration;

use super::name::LATEST;

/// What an invocation is billed as.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) request_id: &'a str,
    /// From the worker's taking the work until its answer.
    pub(super) duration: Duration,
    /// From the start of the process until it first asked for work; only for a cold start.
    pub(super) init: Option<Duration>,
    pub(super) memory_mb: u64,
    pub(super) max_memory_mb: u64,
    /// Only for failures.
    pub(super) status: Option<String>,
}

impl Report<'_> {
    /// Init is billed as well, and the sum rounded up to the next millisecond.
    pub(super) fn billed_ms(&self) -> u64 {
        let billed = self.duration + self.init.unwrap_or_default();
        u64::try_from(billed.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    pub(super) fn line(&self) -> String {
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            milliseconds(self.duration),
            self.billed_ms(),
            self.memory_mb,
            self.max_memory_mb,
        );
        if let Some(init) = self.init {
            line.push_str(&format!("Init Duration: {:.2} ms\t", milliseconds(init)));
        }
        if let Some(status) = &self.status {
            line.push_str(status);
            line.push('\t');
        }
        line
    }
}

pub(super) fn start_line(request_id: &str) -> String {
    format!("START RequestId: {request_id} Version: {LATEST}")
}

pub(super) fn end_line(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cold_start_is_billed_with_its_init() {
        let report = Report {
            request_id: "id",
            duration: Duration::from_micros(12_340),
            init: Some(Duration::from_millis(100)),
            memory_mb: 1769,
            max_memory_mb: 90,
            status: None,
        };
        assert_eq!(
            report.line(),
            "REPORT RequestId: id\tDuration: 12.34 ms\tBilled Duration: 113 ms\tMemory Size: 1769 MB\tMax Memory Used: 90 MB\tInit Duration: 100.00 ms\t"
        );
    }

    #[test]
    fn a_warm_invocation_is_rounded_up_to_a_millisecond() {
        let report = |duration| Report {
            request_id: "id",
            duration,
            init: None,
            memory_mb: 128,
            max_memory_mb: 30,
            status: Some("Status: timeout".to_owned()),
        };
        assert_eq!(report(Duration::from_nanos(1)).billed_ms(), 1);
        assert_eq!(report(Duration::from_millis(13)).billed_ms(), 13);
        assert!(report(Duration::from_secs(3)).line().ends_with("Max Memory Used: 30 MB\tStatus: timeout\t"));
    }
}
