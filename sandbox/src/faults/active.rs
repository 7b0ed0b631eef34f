//! A plan at work: what was asked how often, and what was injected.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::class::FaultClass;
use super::draw::Drawn;

#[derive(Debug)]
pub(crate) struct Active<P, C> {
    pub(crate) plan: P,
    occurrences: Mutex<HashMap<String, u64>>,
    injected: Mutex<BTreeMap<C, u64>>,
}

impl<P, C: FaultClass> Active<P, C> {
    pub(crate) fn new(plan: P) -> Self {
        Self { plan, occurrences: Mutex::default(), injected: Mutex::default() }
    }

    /// Draws for the next request of that key, and counts what was drawn.
    pub(crate) fn next(&self, key: &str, draw: impl FnOnce(&P, &str, u64) -> Option<Drawn<C>>) -> Option<Drawn<C>> {
        let occurrence = {
            let mut occurrences = lock(&self.occurrences);
            let seen = occurrences.entry(key.to_owned()).or_default();
            *seen += 1;
            *seen - 1
        };
        let drawn = draw(&self.plan, key, occurrence)?;
        *lock(&self.injected).entry(drawn.class).or_default() += 1;
        Some(drawn)
    }

    /// How often each class was injected; classes that never were are missing.
    pub(crate) fn injected(&self) -> BTreeMap<C, u64> {
        lock(&self.injected).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
