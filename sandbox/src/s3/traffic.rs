//! How a server's answers come, so that what waits for the real S3 waits here too.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How long answers take, how fast their bodies come, how many there are a second. The default: nothing is held back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Shape {
    /// Of the draws below.
    pub seed: u64,
    /// Until an answer's head is sent; log-normal.
    pub first_byte: Option<FirstByte>,
    /// Least and most bytes a second of one answer's body, and so of one connection; uniform between them.
    pub bytes_per_second: Option<(u64, u64)>,
    /// Requests that read (GET, HEAD, LIST), a second and prefix, a prefix being the key up to its last slash; others are answered 503.
    pub reads_per_second: Option<u32>,
}

/// A log-normal time, by two of its quantiles.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Quantiles", into = "Quantiles")]
pub struct FirstByte(Quantiles);

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Quantiles {
    median_ms: f64,
    p99_ms: f64,
}

/// Quantiles that no time has.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "a first byte after {median_ms} ms (median) and {p99_ms} ms (p99) cannot be: say a median above 0 and a p99 that is not below it"
)]
pub struct FirstByteError {
    median_ms: f64,
    p99_ms: f64,
}

/// The 99th percentile of the standard normal distribution.
const Z_99: f64 = 2.326_347_9;

impl S3Shape {
    /// As S3 was measured from within its region: first byte in 18 ms (p99: 84 ms), 60 to 90 MB/s a connection, 5,500 reads a second
    /// and prefix ("Exploiting Cloud Object Storage for High-Performance Analytics", VLDB 2023; S3's performance guidelines).
    pub fn like_s3() -> Self {
        Self {
            seed: 0,
            first_byte: Some(FirstByte(Quantiles { median_ms: 18.0, p99_ms: 84.0 })),
            bytes_per_second: Some((60_000_000, 90_000_000)),
            reads_per_second: Some(5_500),
        }
    }
}

impl FirstByte {
    /// # Errors
    /// [`FirstByteError`] where a quantile is no time, or they are the wrong way round.
    pub fn new(median_ms: f64, p99_ms: f64) -> Result<Self, FirstByteError> {
        Quantiles { median_ms, p99_ms }.try_into()
    }

    fn draw(self, draws: &mut impl Rng) -> Duration {
        let Self(Quantiles { median_ms, p99_ms }) = self;
        let z: f64 = StandardNormal.sample(draws);
        let ms = median_ms * (p99_ms / median_ms).powf(z / Z_99);
        Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX)
    }
}

impl TryFrom<Quantiles> for FirstByte {
    type Error = FirstByteError;

    fn try_from(quantiles: Quantiles) -> Result<Self, FirstByteError> {
        let Quantiles { median_ms, p99_ms } = quantiles;
        let are_times = median_ms.is_finite() && p99_ms.is_finite() && 0.0 < median_ms && median_ms <= p99_ms;
        if are_times { Ok(Self(quantiles)) } else { Err(FirstByteError { median_ms, p99_ms }) }
    }
}

impl From<FirstByte> for Quantiles {
    fn from(first_byte: FirstByte) -> Self {
        first_byte.0
    }
}

/// What one answer is to be.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Turn {
    pub(super) first_byte: Duration,
    pub(super) bytes_per_second: Option<u64>,
    /// One more than the prefix bears in this second.
    pub(super) is_too_many: bool,
}

/// A shape at work: its draws and its counts.
#[derive(Debug)]
pub(super) struct Traffic {
    shape: S3Shape,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    draws: StdRng,
    /// Requests in the second that began then.
    prefixes: HashMap<String, (Instant, u32)>,
}

impl Traffic {
    pub(super) fn new(shape: S3Shape) -> Self {
        let state = State { draws: StdRng::seed_from_u64(shape.seed), prefixes: HashMap::new() };
        Self { shape, state: Mutex::new(state) }
    }

    /// The next answer, about `path` (bucket and key, or bucket and listed prefix), at this time.
    pub(super) fn next(&self, path: &str, reads: bool, now: Instant) -> Turn {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let draws = &mut state.draws;
        let first_byte = self.shape.first_byte.map(|times| times.draw(draws));
        let bytes_per_second =
            self.shape.bytes_per_second.map(|(least, most)| draws.random_range(least..=most.max(least)));
        let limit = self.shape.reads_per_second.filter(|_| reads);
        Turn {
            first_byte: first_byte.unwrap_or_default(),
            bytes_per_second,
            is_too_many: limit.is_some_and(|limit| state.count(path, now) > limit),
        }
    }
}

impl State {
    fn count(&mut self, path: &str, now: Instant) -> u32 {
        let prefix = path.rsplit_once('/').map_or(path, |(prefix, _)| prefix);
        let (began, count) = self.prefixes.entry(prefix.to_owned()).or_insert((now, 0));
        if now.duration_since(*began) >= Duration::from_secs(1) {
            (*began, *count) = (now, 0);
        }
        *count += 1;
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_have_the_quantiles_that_were_asked_for() {
        let traffic = Traffic::new(S3Shape::like_s3());
        let now = Instant::now();
        let mut turns: Vec<_> = (0..20_000).map(|_| traffic.next("b/k", false, now)).collect();
        turns.sort_by_key(|turn| turn.first_byte);
        let at = |share: f64| turns[(turns.len() as f64 * share) as usize].first_byte.as_secs_f64() * 1000.0;
        assert!((at(0.5) - 18.0).abs() < 1.0 && (at(0.99) - 84.0).abs() < 8.0, "{} {}", at(0.5), at(0.99));
        let rates = turns.iter().filter_map(|turn| turn.bytes_per_second);
        assert!(rates.clone().min().unwrap() < 61_000_000 && rates.max().unwrap() > 89_000_000);
    }

    #[test]
    fn quantiles_are_times_the_right_way_round() {
        assert!(FirstByte::new(30.0, 30.0).is_ok(), "always the same");
        let senseless =
            [(0.0, 84.0), (-1.0, 84.0), (84.0, 18.0), (f64::NAN, 84.0), (18.0, f64::NAN), (18.0, f64::INFINITY)];
        for (median_ms, p99_ms) in senseless {
            assert!(FirstByte::new(median_ms, p99_ms).is_err(), "{median_ms} {p99_ms}");
        }
        let shape = r#"{"first_byte": {"median_ms": 84.0, "p99_ms": 18.0}}"#;
        let error = serde_json::from_str::<S3Shape>(shape).unwrap_err().to_string();
        assert!(error.contains("a first byte after 84 ms (median) and 18 ms (p99) cannot be"), "{error}");
        let written = serde_json::to_string(&S3Shape::like_s3()).unwrap();
        assert_eq!(serde_json::from_str::<S3Shape>(&written).unwrap(), S3Shape::like_s3());
    }

    #[test]
    fn a_prefix_bears_so_many_reads_a_second() {
        let traffic = Traffic::new(S3Shape { reads_per_second: Some(3), ..S3Shape::default() });
        let now = Instant::now();
        let refused = |path: &str, reads, now| traffic.next(path, reads, now).is_too_many;
        assert_eq!([0; 4].map(|_| refused("b/t/a", true, now)), [false, false, false, true]);
        assert!(refused("b/t/other", true, now) && !refused("b/u/a", true, now) && !refused("b/t/a", false, now));
        assert!(!refused("b/t/a", true, now + Duration::from_secs(1)));
    }

    #[test]
    fn nothing_is_held_back_by_default() {
        assert_eq!(Traffic::new(S3Shape::default()).next("b/k", true, Instant::now()), Turn::default());
    }
}
