//! How often and how fast a failed request is made again.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::settings::human;

/// Further tries of failed requests. Small numbers: a worker's task that fails is tried again elsewhere by the coordinator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrySettings {
    /// Tries of one request, the first included.
    pub tries: u32,
    /// Longest pause before the second try; it doubles with each further one.
    #[serde(with = "human")]
    pub base: Duration,
    /// Longest pause at all.
    #[serde(with = "human")]
    pub cap: Duration,
    /// Retries that one query, or one task on a worker, may always make...
    pub budget: u64,
    /// ...and those it may make beyond that, as a share of its requests. Where more than this fails, S3 is not well, and
    /// asking more often makes it worse.
    pub budget_share: f64,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self { tries: 6, base: Duration::from_millis(50), cap: Duration::from_secs(2), budget: 50, budget_share: 0.25 }
    }
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NextTry {
    After(Duration),
    /// This request has been tried often enough.
    TriesSpent,
    /// The query, or the task, has had its retries.
    BudgetSpent,
}

/// The retries of one query or task.
#[derive(Debug)]
pub(super) struct RetryBudget {
    settings: RetrySettings,
    requests: AtomicU64,
    retries: AtomicU64,
    random: AtomicU64,
}

impl RetryBudget {
    pub(super) fn new(settings: RetrySettings, seed: u64) -> Self {
        Self { settings, requests: AtomicU64::new(0), retries: AtomicU64::new(0), random: AtomicU64::new(seed) }
    }

    /// Counts a request that is made for the first time.
    pub(super) fn add_request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// What follows when a request has failed `failures` times in a row.
    pub(super) fn next_try(&self, failures: u32, throttled: bool) -> NextTry {
        if failures >= self.settings.tries {
            return NextTry::TriesSpent;
        }
        let earned = self.requests.load(Relaxed) as f64 * self.settings.budget_share.max(0.0);
        let allowed = self.settings.budget + earned as u64;
        if self.retries.fetch_update(Relaxed, Relaxed, |made| (made < allowed).then_some(made + 1)).is_err() {
            return NextTry::BudgetSpent;
        }
        // A throttled client comes back later than one that met a broken connection.
        let doublings = if throttled { failures + 2 } else { failures };
        NextTry::After(self.pause(doublings))
    }

    /// Exponential with equal jitter (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
    fn pause(&self, doublings: u32) -> Duration {
        let ceiling = self.settings.base.saturating_mul(1 << doublings.clamp(1, 16) >> 1).min(self.settings.cap);
        ceiling.mul_f64(0.5 + 0.5 * self.random())
    }

    /// In 0..1, by SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>, public domain).
    fn random(&self) -> f64 {
        let mut value = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^= value >> 31;
        (value >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(settings: RetrySettings) -> RetryBudget {
        RetryBudget::new(settings, 7)
    }

    #[test]
    fn pauses_double_with_jitter_up_to_the_cap() {
        let budget = budget(RetrySettings::default());
        for (failures, most_ms) in [(1, 50), (2, 100), (3, 200), (4, 400), (5, 800)] {
            let NextTry::After(pause) = budget.next_try(failures, false) else { panic!("{failures}") };
            let most = Duration::from_millis(most_ms);
            assert!(pause >= most / 2 && pause <= most, "{failures}: {pause:?}");
        }
        assert!(budget.pause(30) <= Duration::from_secs(2));
        let NextTry::After(pause) = budget.next_try(1, true) else { panic!("throttled") };
        assert!(pause >= Duration::from_millis(100));
        assert_ne!(budget.pause(5), budget.pause(5));
    }

    #[test]
    fn tries_of_a_request_and_retries_of_the_query_are_bounded() {
        let settings = RetrySettings { tries: 3, budget: 4, budget_share: 0.5, ..RetrySettings::default() };
        let budget = budget(settings);
        assert_eq!(budget.next_try(3, false), NextTry::TriesSpent, "the third try was the last");
        for _ in 0..4 {
            assert!(matches!(budget.next_try(1, false), NextTry::After(_)));
        }
        assert_eq!(budget.next_try(1, false), NextTry::BudgetSpent);
        budget.add_request();
        budget.add_request();
        assert!(matches!(budget.next_try(1, false), NextTry::After(_)), "two requests earn one retry");
        assert_eq!(budget.next_try(1, false), NextTry::BudgetSpent);
    }
}
