//! When an answer is late, and how many may be asked for a second time.
//!
//! Starling's model (arXiv 1911.11727, section 5.1): an answer of `b` bytes is expected after `l + b / t`; one that takes a
//! factor longer is asked for again on a new connection, and the first whole answer wins. There this took the 99.99th
//! percentile of 256 KB reads from over 1 s to 0.25 s for 0.3 % more requests.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::settings::human;

/// `l`: S3's usual time to the first byte.
const LATENCY: Duration = Duration::from_millis(30);
/// `t`: what one connection carries at the least on a good day, in bytes a second.
const BYTES_PER_SECOND: f64 = 50e6;
/// Recent answers that say how the day is.
const RECENT: usize = 64;
/// With fewer the model is trusted as it is.
const ENOUGH: usize = 8;

/// Second GETs for answers that are late.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HedgeSettings {
    /// Second GETs that one query, or one task on a worker, may make, as a share of its GETs; 0 turns them off.
    pub share: f64,
    /// Second GETs that it may make in any case.
    pub allowance: u64,
    /// An answer of which nothing has come after this is late.
    #[serde(with = "human")]
    pub silence: Duration,
    /// How many times the expected time an answer that has begun may take before it is late.
    pub factor: f64,
    /// No answer that has begun is late before this.
    #[serde(with = "human")]
    pub floor: Duration,
}

impl Default for HedgeSettings {
    fn default() -> Self {
        let (silence, floor) = (Duration::from_millis(75), Duration::from_millis(200));
        Self { share: 0.05, allowance: 8, silence, factor: 4.0, floor }
    }
}

/// After which time an answer is late.
#[derive(Debug, Clone, Copy)]
pub(super) struct Late {
    /// That has not begun.
    pub(super) head: Duration,
    /// That has.
    pub(super) whole: Duration,
}

/// The second GETs of one query or task.
#[derive(Debug)]
pub(super) struct Hedges {
    settings: HedgeSettings,
    requests: AtomicU64,
    hedged: AtomicU64,
    recent: Mutex<Recent>,
}

impl Hedges {
    pub(super) fn new(settings: HedgeSettings) -> Self {
        Self { settings, requests: AtomicU64::new(0), hedged: AtomicU64::new(0), recent: Mutex::default() }
    }

    /// Counts a GET of so many bytes; returns after which time its answer is late.
    ///
    /// When most answers take long (the network is full, S3 is slow for all), none of them is late: a second request
    /// would only add to the load.
    pub(super) fn start(&self, bytes: u64) -> Late {
        self.requests.fetch_add(1, Relaxed);
        let slowness = self.recent.lock().unwrap_or_else(PoisonError::into_inner).upper_quartile().max(1.0);
        let whole = expected(bytes).mul_f64((self.settings.factor.max(1.0) * slowness).min(1e4));
        let head = self.settings.silence.mul_f64(slowness.min(1e4));
        Late { head, whole: whole.max(self.settings.floor) }
    }

    /// Learns how long an answer took, or how long it has been waited for in vain.
    pub(super) fn observe(&self, bytes: u64, elapsed: Duration) {
        let slowness = elapsed.as_secs_f64() / expected(bytes).as_secs_f64();
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).add(slowness);
    }

    /// Whether one more second GET may be made; it is counted then.
    pub(super) fn take(&self) -> bool {
        if self.settings.share <= 0.0 {
            return false;
        }
        let earned = self.requests.load(Relaxed) as f64 * self.settings.share;
        let allowed = self.settings.allowance.max(earned as u64);
        self.hedged.fetch_update(Relaxed, Relaxed, |made| (made < allowed).then_some(made + 1)).is_ok()
    }
}

fn expected(bytes: u64) -> Duration {
    LATENCY + Duration::from_secs_f64(bytes as f64 / BYTES_PER_SECOND)
}

/// How many times the expected time the last answers took.
#[derive(Debug, Default)]
struct Recent {
    values: Vec<f64>,
    next: usize,
}

impl Recent {
    fn add(&mut self, value: f64) {
        if self.values.len() < RECENT {
            self.values.push(value);
        } else {
            self.values[self.next] = value;
            self.next = (self.next + 1) % RECENT;
        }
    }

    fn upper_quartile(&self) -> f64 {
        if self.values.len() < ENOUGH {
            return 1.0;
        }
        let mut sorted = self.values.clone();
        let index = sorted.len() * 3 / 4;
        *sorted.select_nth_unstable_by(index, f64::total_cmp).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn an_answer_is_late_against_its_size() {
        let hedges = Hedges::new(HedgeSettings::default());
        let small = hedges.start(1000);
        assert_eq!((small.head, small.whole), (Duration::from_millis(75), Duration::from_millis(200)), "the floor");
        let large = hedges.start(8 * MIB);
        assert_eq!(large.head, small.head);
        assert!(large.whole > Duration::from_millis(700) && large.whole < Duration::from_millis(900), "{large:?}");
    }

    #[test]
    fn where_all_answers_are_slow_none_is_late() {
        let hedges = Hedges::new(HedgeSettings::default());
        for _ in 0..RECENT {
            hedges.observe(8 * MIB, Duration::from_secs(2));
        }
        assert!(hedges.start(8 * MIB).whole >= Duration::from_millis(7900));
        assert!(hedges.start(8 * MIB).head >= Duration::from_millis(500));
        for _ in 0..RECENT {
            hedges.observe(8 * MIB, Duration::from_millis(100));
        }
        assert!(hedges.start(8 * MIB).whole < Duration::from_secs(1), "and it is forgotten again");
    }

    #[test]
    fn second_requests_are_a_small_share() {
        let hedges = Hedges::new(HedgeSettings::default());
        let made =
            |requests: usize| (0..requests).filter(|_| hedges.start(1).head > Duration::ZERO && hedges.take()).count();
        assert_eq!(made(100), 8, "the allowance");
        assert_eq!(made(900), 42, "then 5 % of a thousand");
        let off = Hedges::new(HedgeSettings { share: 0.0, ..HedgeSettings::default() });
        off.start(1);
        assert!(!off.take());
    }
}
