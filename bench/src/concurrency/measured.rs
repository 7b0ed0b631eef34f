//! What one engine did for so many clients.

use std::time::Duration;

use serde::Serialize;

use crate::summary::Summary;

#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) engine: &'static str,
    pub(super) s3: &'static str,
    pub(super) clients: usize,
    pub(super) queries: usize,
    pub(super) queries_per_second: f64,
    pub(super) latency: Summary,
    /// Requests that reached S3 in all this time, the warm-up included.
    pub(super) requests: usize,
}

impl Line {
    pub(super) fn new(
        engine: &'static str,
        s3: &'static str,
        clients: usize,
        times: Vec<Duration>,
        within: Duration,
        requests: usize,
    ) -> Self {
        let queries_per_second = times.len() as f64 / within.as_secs_f64();
        let queries = times.len();
        Self { engine, s3, clients, queries, queries_per_second, latency: Summary::of(times.into_iter()), requests }
    }

    pub(super) fn describe(&self) -> String {
        let Self { engine, s3, clients, queries_per_second, latency, .. } = self;
        format!(
            "{engine}, {s3}, {clients} clients: {queries_per_second:.1} queries/s, p50 {:.1} ms, p99 {:.1} ms",
            latency.median, latency.p99
        )
    }
}
