//! When a task deserves a second attempt beside the one that runs.

use std::time::Duration;

/// The rule, in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeculationPolicy {
    /// Second attempts per query: this part of its tasks, and [`min_attempts`](Self::min_attempts) in any case. None at 0.
    pub share: f64,
    pub min_attempts: u32,
    /// A straggler has taken so many times the median of its stage, scaled by its bytes.
    pub factor: f64,
    /// And at least so much more than it: short stages have jitter, not stragglers.
    pub min_excess: Duration,
    /// What any task may take, and bytes a second on top of it: how long a task is expected to run where its stage is too small to tell.
    pub base: Duration,
    pub bytes_per_second: f64,
}

impl Default for SpeculationPolicy {
    fn default() -> Self {
        Self {
            share: 0.1,
            min_attempts: 2,
            factor: 2.0,
            min_excess: Duration::from_millis(500),
            base: Duration::from_secs(5),
            bytes_per_second: 20e6,
        }
    }
}

/// Stages of fewer tasks are compared with the expected time instead of with each other.
const FEWEST_TO_COMPARE: u32 = 4;

/// And then only when this part of them, or all but one, has committed.
const COMMITTED_SHARE: f64 = 0.9;

/// What is known of a stage's committed tasks.
#[derive(Debug, Default)]
pub(super) struct Finished {
    /// Sorted.
    durations: Vec<Duration>,
    bytes: u64,
}

impl Finished {
    pub(super) fn add(&mut self, duration: Duration, bytes: u64) {
        let place = self.durations.partition_point(|known| *known <= duration);
        self.durations.insert(place, duration);
        self.bytes += bytes;
    }

    fn median(&self) -> Option<Duration> {
        self.durations.get(self.durations.len() / 2).copied()
    }

    fn mean_bytes(&self) -> f64 {
        self.bytes as f64 / self.durations.len().max(1) as f64
    }
}

impl SpeculationPolicy {
    /// Never a second attempt.
    pub fn off() -> Self {
        Self { share: 0.0, min_attempts: 0, ..Self::default() }
    }

    pub(super) fn max_attempts(&self, tasks: usize) -> u32 {
        ((tasks as f64 * self.share) as u32).max(self.min_attempts)
    }

    /// How long a task may run before a second attempt starts; `None` while it is too early to say. It reads `scan_bytes` of
    /// tables and, of the `input_bytes` of the stages above it, an unknown part.
    pub(super) fn patience(
        &self,
        tasks: u32,
        finished: &Finished,
        scan_bytes: u64,
        input_bytes: u64,
    ) -> Option<Duration> {
        if tasks < FEWEST_TO_COMPARE {
            let reading = Duration::from_secs_f64((scan_bytes + input_bytes) as f64 / self.bytes_per_second);
            return Some((self.base + reading).mul_f64(self.factor));
        }
        let enough = ((f64::from(tasks) * COMMITTED_SHARE).ceil() as u32).min(tasks - 1);
        let median = finished.median().filter(|_| finished.durations.len() as u32 >= enough)?;
        let larger = if finished.bytes > 0 { (scan_bytes as f64 / finished.mean_bytes()).max(1.0) } else { 1.0 };
        let usual = median.mul_f64(larger);
        Some(usual.mul_f64(self.factor).max(usual + self.min_excess))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(seconds: &[u64], bytes: u64) -> Finished {
        let mut finished = Finished::default();
        for duration in seconds {
            finished.add(Duration::from_secs(*duration), bytes);
        }
        finished
    }

    #[test]
    fn a_straggler_is_judged_by_the_median_of_its_stage() {
        let rule = SpeculationPolicy::default();
        let cases: [(u32, Finished, u64, Option<u64>); 7] = [
            (4, finished(&[3, 1], 0), 0, None),
            (4, finished(&[3, 1, 2], 0), 0, Some(4_000)),
            (20, finished(&[1; 17], 0), 0, None),
            (20, finished(&[1; 18], 0), 0, Some(2_000)),
            // Jitter of short tasks.
            (4, finished(&[0; 3], 0), 0, Some(500)),
            // Three times the others' bytes may take three times as long; fewer bytes are no reason to be strict.
            (4, finished(&[2; 3], 100), 300, Some(12_000)),
            (4, finished(&[2; 3], 100), 10, Some(4_000)),
        ];
        for (tasks, finished, bytes, expected) in cases {
            let patience = rule.patience(tasks, &finished, bytes, 1_000_000_000);
            assert_eq!(patience, expected.map(Duration::from_millis), "{tasks} tasks, {finished:?}, {bytes} bytes");
        }
    }

    #[test]
    fn a_task_of_a_tiny_stage_is_judged_by_what_it_reads() {
        let rule = SpeculationPolicy::default();
        for tasks in 1..=3 {
            assert_eq!(rule.patience(tasks, &Finished::default(), 0, 0), Some(Duration::from_secs(10)));
            assert_eq!(
                rule.patience(tasks, &Finished::default(), 100_000_000, 100_000_000),
                Some(Duration::from_secs(30))
            );
        }
    }

    #[test]
    fn second_attempts_are_a_bounded_share() {
        let rule = SpeculationPolicy::default();
        assert_eq!([1, 20, 30, 1000].map(|tasks| rule.max_attempts(tasks)), [2, 2, 3, 100]);
        assert_eq!(SpeculationPolicy::off().max_attempts(1000), 0);
    }
}
