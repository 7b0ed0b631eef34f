//! What is drawn at random. Each attempt draws from its own source, so that a run with one condition changed differs in that alone.

use arachne_engine::protocol::Attempt;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, LogNormal};
use serde::Serialize;

/// The standard normal distribution's 99th percentile.
const Z99: f64 = 2.326_347_874_040_841;

/// A log-normal distribution, told by its median and 99th percentile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Spread {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

impl Spread {
    pub(super) fn draw(&self, rng: &mut SmallRng) -> f64 {
        let sigma = (self.p99 / self.p50).ln() / Z99;
        // A spread that is none: always the median.
        LogNormal::new(self.p50.ln(), sigma).map_or(self.p50, |distribution| distribution.sample(rng))
    }
}

/// The source of one attempt.
pub(super) fn of_attempt(seed: u64, attempt: Attempt) -> SmallRng {
    let place =
        (u64::from(attempt.task.stage) << 56) | (u64::from(attempt.number) << 32) | u64::from(attempt.task.task);
    // Seeds that differ in one bit give unrelated sources only after mixing.
    SmallRng::seed_from_u64((seed ^ place.rotate_left(17)).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ place)
}

#[cfg(test)]
mod tests {
    use arachne_engine::protocol::TaskKey;

    use super::*;

    #[test]
    fn the_median_and_the_p99_are_those_that_were_told() {
        let spread = Spread { p50: 18.0, p99: 84.0 };
        let mut drawn: Vec<f64> = (0..20_000)
            .map(|task| spread.draw(&mut of_attempt(3, Attempt { task: TaskKey { stage: 1, task }, number: 0 })))
            .collect();
        drawn.sort_by(f64::total_cmp);
        assert!((17.0..19.0).contains(&drawn[10_000]), "{}", drawn[10_000]);
        assert!((76.0..92.0).contains(&drawn[19_800]), "{}", drawn[19_800]);
    }

    #[test]
    fn a_spread_of_equal_numbers_is_a_constant() {
        let spread = Spread { p50: 2.0, p99: 2.0 };
        let attempt = Attempt { task: TaskKey { stage: 1, task: 7 }, number: 1 };
        assert!((spread.draw(&mut of_attempt(1, attempt)) - 2.0).abs() < 1e-12);
    }
}
