//! Stages whose rows may be wanted only in part (LIMIT) start few tasks first.

use std::time::Duration;

/// Without any answer the number of tasks doubles this often, so that a LIMIT that no early task fills costs at most a few seconds.
const STEP: Duration = Duration::from_secs(1);

/// How many tasks of a stage may have been started: 1, then two for each that has committed (so that what runs doubles each
/// round), and in any case twice as many each second.
pub(super) fn allowance(committed: u32, running_for: Duration) -> u32 {
    let by_answers = committed.saturating_mul(2).saturating_add(1);
    let doublings = (running_for.as_millis() / STEP.as_millis()).min(31);
    by_answers.max(1 << doublings)
}

/// When time alone next allows more.
pub(super) fn next_step(running_for: Duration) -> Duration {
    STEP * (running_for.as_millis() / STEP.as_millis() + 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_double_what_runs_and_so_does_time() {
        let second = Duration::from_secs;
        assert_eq!([0, 1, 3, 7].map(|committed| allowance(committed, second(0))), [1, 3, 7, 15]);
        assert_eq!([0, 1, 2, 3, 10].map(|seconds| allowance(0, second(seconds))), [1, 2, 4, 8, 1024]);
        assert_eq!(allowance(0, second(100)), 1 << 31);
        assert_eq!(next_step(Duration::from_millis(2500)), second(3));
        assert!(allowance(0, next_step(second(2))) > allowance(0, second(2)));
    }
}
