//! Many durations in few numbers.

use std::time::Duration;

use serde::Serialize;

/// Milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) min: f64,
}

impl Summary {
    /// Of at least one duration.
    pub(crate) fn of(durations: impl Iterator<Item = Duration>) -> Self {
        let mut ms: Vec<f64> = durations.map(|duration| duration.as_secs_f64() * 1000.0).collect();
        ms.sort_by(f64::total_cmp);
        let at = |share: f64| {
            ms.get(((ms.len().saturating_sub(1)) as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
        };
        Self { median: at(0.5), p90: at(0.9), p99: at(0.99), min: at(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        let summary = Summary::of([5, 1, 100, 2, 3].map(Duration::from_millis).into_iter());
        assert_eq!((summary.median, summary.min), (3.0, 1.0));
    }
}
