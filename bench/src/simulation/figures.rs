//! What a run came to.

use std::time::Duration;

use arachne_engine::query::{Cost, PriceBook};
use arachne_engine::storage::RequestCounts;
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    /// Until the last task has committed, or the query has failed.
    pub(super) makespan: Duration,
    pub(super) failure: Option<String>,
    /// All that Lambda bills, attempts that lost included.
    pub(super) gb_seconds: f64,
    pub(super) invocations: u64,
    pub(super) requests: RequestCounts,
    pub(super) cold_starts: u32,
    /// Invocations that were answered with 429.
    pub(super) refusals: u32,
    pub(super) retries: u32,
    pub(super) speculated: u32,
    pub(super) crashes: u32,
    pub(super) relays: u32,
    /// The most invocations that ran at once.
    pub(super) peak: usize,
    /// When the last task started for the first time.
    pub(super) last_start: Duration,
    /// When nine tenths of the tasks had committed: what comes after is the tail.
    pub(super) nine_tenths: Duration,
}

impl Figures {
    pub(super) fn dollars(&self, prices: &PriceBook) -> f64 {
        Cost::of(prices, self.gb_seconds, self.invocations, &self.requests).total()
    }
}

/// A run, and what the scheduler itself took of this machine's time for it: that is measured, not simulated.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) figures: Figures,
    pub(super) scheduler: Duration,
}
