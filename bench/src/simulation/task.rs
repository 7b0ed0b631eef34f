//! How long one attempt takes on the environment that it got, and what it asks of S3.

use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use super::conditions::Conditions;
use super::lambda::{Environment, Now};

/// The fate of an attempt, were nobody to stop it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fate {
    /// What Lambda bills: from the start of the initialisation to the answer.
    pub(super) billed: Duration,
    pub(super) crashes: bool,
    /// Burst that is left to the environment.
    pub(super) burst_left: f64,
}

/// Draws the fate of an attempt that starts now and reads so many bytes.
pub(super) fn fate(
    conditions: &Conditions,
    environment: &Environment,
    now: Now,
    bytes: u64,
    rng: &mut SmallRng,
) -> Fate {
    let Conditions { network, worker, lambda, .. } = conditions;
    let cold_start = lambda.cold_start.draw(rng);
    let jitter = worker.jitter.draw(rng);
    let slow = worker.straggler_factor.draw(rng).max(1.0);
    let is_slow = rng.random::<f64>() < worker.straggler_share;
    let crashes = rng.random::<f64>() < worker.crash_share;
    let crashes_at: f64 = rng.random();
    // The footer, then the first of the data.
    let waits = network.first_byte.draw(rng) + network.first_byte.draw(rng);

    let bytes = bytes as f64;
    let is_rested = environment.idle_since.is_none_or(|since| now.saturating_sub(since) >= network.refill);
    let burst = if is_rested { network.burst_bytes } else { environment.burst_left };
    let fast = bytes.min(burst);
    let transfer = fast / network.burst_rate + (bytes - fast) / network.steady_rate;
    let vcpus = worker.memory_mb as f64 / 1769.0;
    let computing = bytes / (worker.bytes_per_second * vcpus);
    // Reading ahead, a worker waits for the slower of the two.
    let work = worker.overhead.as_secs_f64() + waits + transfer.max(computing);
    let mut seconds = work * jitter * if is_slow { slow } else { 1.0 };
    if environment.is_cold() {
        seconds += cold_start;
    }
    if crashes {
        seconds *= crashes_at;
    }
    Fate { billed: Duration::from_secs_f64(seconds), crashes, burst_left: burst - fast }
}

/// GETs of an attempt that ran for so long: the footer, the data, and the questions whether it is still wanted.
pub(super) fn gets(conditions: &Conditions, bytes: u64, ran: Duration) -> u64 {
    1 + bytes.div_ceil(conditions.network.request_bytes) + polls(conditions, ran)
}

/// How often an attempt that ran for so long has asked whether it is still wanted.
pub(super) fn polls(conditions: &Conditions, ran: Duration) -> u64 {
    (ran.as_millis() / conditions.worker.cancel_poll.as_millis().max(1)) as u64
}

/// When an attempt that began at `since` hears that it was given up at `now`: it asks at fixed times.
pub(super) fn hears_of_the_end(conditions: &Conditions, since: Now, now: Now) -> Now {
    let poll = conditions.worker.cancel_poll;
    let passed = now.saturating_sub(since);
    since + poll * (passed.as_millis() / poll.as_millis().max(1) + 1) as u32
}

#[cfg(test)]
mod tests {
    use arachne_engine::protocol::{Attempt, TaskKey};

    use super::super::luck::{Spread, of_attempt};
    use super::*;

    /// Without chance.
    fn plain() -> Conditions {
        let mut conditions = Conditions::new(1, 1, 0);
        let nothing = Spread { p50: 1e-9, p99: 1e-9 };
        conditions.network.first_byte = nothing;
        conditions.lambda.cold_start = nothing;
        conditions.worker.jitter = Spread { p50: 1.0, p99: 1.0 };
        conditions.worker.straggler_share = 0.0;
        conditions.worker.crash_share = 0.0;
        conditions.worker.overhead = Duration::ZERO;
        conditions
    }

    fn seconds(conditions: &Conditions, environment: Environment, bytes: u64) -> f64 {
        let mut rng = of_attempt(1, Attempt { task: TaskKey { stage: 1, task: 0 }, number: 0 });
        fate(conditions, &environment, Duration::from_secs(1), bytes, &mut rng).billed.as_secs_f64()
    }

    #[test]
    fn the_burst_of_the_network_ends_and_comes_back_after_a_pause() {
        let mut conditions = plain();
        conditions.worker.bytes_per_second = 1e12;
        conditions.network.burst_rate = 300e6;
        let fresh = Environment { idle_since: None, burst_left: 300e6 };
        let used = Environment { idle_since: Some(Duration::from_millis(900)), burst_left: 0.0 };
        let rested = Environment { idle_since: Some(Duration::ZERO), burst_left: 0.0 };
        let of = |environment| seconds(&conditions, environment, 450_000_000);
        assert!((of(fresh) - 3.0).abs() < 1e-3, "300 MB in 1 s, 150 MB in 2 s: {}", of(fresh));
        assert!((of(used) - 6.0).abs() < 1e-3, "{}", of(used));
        assert!((of(rested) - 6.0).abs() < 1e-3, "one second is no pause");
        conditions.network.refill = Duration::from_secs(1);
        assert!((seconds(&conditions, rested, 450_000_000) - 3.0).abs() < 1e-3);
    }

    #[test]
    fn a_worker_takes_as_long_as_the_slower_of_network_and_cpu() {
        let mut conditions = plain();
        let environment = Environment { idle_since: None, burst_left: 300e6 };
        assert!((seconds(&conditions, environment, 100_000_000) - 1.0).abs() < 1e-3, "100 MB/s for one vCPU");
        conditions.worker.memory_mb = 2 * 1769;
        assert!((seconds(&conditions, environment, 100_000_000) - 0.5).abs() < 1e-3);
    }

    #[test]
    fn an_attempt_hears_of_its_end_when_it_next_asks() {
        let conditions = plain();
        let ms = Duration::from_millis;
        assert_eq!(hears_of_the_end(&conditions, ms(100), ms(1_250)), ms(1_600));
        assert_eq!(hears_of_the_end(&conditions, ms(100), ms(100)), ms(600));
        assert_eq!(gets(&conditions, 17 * 1024 * 1024, ms(1_600)), 1 + 3 + 3);
    }
}
