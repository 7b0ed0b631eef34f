//! What a running Lambda does to invocations beside running them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::faults::{Active, FaultClass as _, LambdaFault, LambdaFaults};

/// Faults, which may be changed while the server runs.
#[derive(Debug, Default)]
pub struct LambdaConditions {
    faults: RwLock<Option<Arc<Active<LambdaFaults, LambdaFault>>>>,
}

/// A fault that one invocation is to have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Injected {
    pub(super) class: LambdaFault,
    pub(super) delay: Duration,
    pub(super) timeout_after: Duration,
}

impl LambdaConditions {
    /// Injects these faults into synchronous invocations from now on, in place of those before. Counts begin anew, those that
    /// make "the n-th invocation" as well as [`injected`](Self::injected).
    pub fn set_faults(&self, plan: LambdaFaults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(Active::new(plan)));
    }

    /// Ends faults and forgets their counts. Invocations under way keep theirs.
    pub fn clear_faults(&self) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How often each class was injected by the plan in force, by name.
    pub fn injected(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.active().map(|active| active.injected()).unwrap_or_default();
        counts.into_iter().map(|(class, count)| (class.name(), count)).collect()
    }

    pub(super) fn next_fault(&self, payload: &[u8]) -> Option<Injected> {
        let active = self.active()?;
        let key = active.plan.stable_key(payload);
        let drawn = active.next(&key, LambdaFaults::draw)?;
        let (delay, timeout_after) = (active.plan.delay(), active.plan.timeout_after());
        Some(Injected { class: drawn.class, delay, timeout_after })
    }

    fn active(&self) -> Option<Arc<Active<LambdaFaults, LambdaFault>>> {
        self.faults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
