//! How workers that run learn that nobody waits for them any more.

use serde::{Deserialize, Serialize};

use super::Attempt;

/// The content of a run's cancel object in the exchange; while nothing is cancelled there is no such object.
///
/// An invocation of AWS Lambda that waits for its answer cannot be stopped from outside, so a worker looks here now and then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelMarker {
    /// Some attempts, because others of the same tasks were faster.
    Attempts(Vec<Attempt>),
    /// All of the run.
    Run,
}

impl CancelMarker {
    pub fn covers(&self, attempt: Attempt) -> bool {
        match self {
            Self::Attempts(attempts) => attempts.contains(&attempt),
            Self::Run => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::TaskKey;

    #[test]
    fn an_attempt_is_cancelled_by_name_or_with_its_run() {
        let attempt = |number| Attempt { task: TaskKey { stage: 1, task: 2 }, number };
        let some = serde_json::to_string(&CancelMarker::Attempts(vec![attempt(0)])).unwrap();
        let some: CancelMarker = serde_json::from_str(&some).unwrap();
        assert!(some.covers(attempt(0)) && !some.covers(attempt(1)));
        assert!(CancelMarker::Run.covers(attempt(1)));
    }
}
