//! What was decided while a plan was cut, and why, in the order of deciding; EXPLAIN prints it.

use std::sync::{Arc, Mutex, PoisonError};

/// Clones share one list: the planner's handlers write, EXPLAIN reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Choices(Arc<Mutex<Vec<String>>>);

impl Choices {
    /// Adds a sentence, once.
    pub(crate) fn add(&self, choice: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&choice) {
            all.push(choice);
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
