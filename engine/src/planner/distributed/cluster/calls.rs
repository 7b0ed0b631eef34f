//! The calls that tasks last for, and who is told of their end.
//!
//! When a call has ended, the library forgets the task's plan; but not at once, and until then what the plan has spawned computes on
//! for readers that are gone. So the plan is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio_util::sync::CancellationToken;

/// Written by the worker itself, into the headers that a task's session is made with.
const NUMBER: HeaderName = HeaderName::from_static("x-arachne-call");

/// The calls that are open now.
#[derive(Debug, Clone, Default)]
pub(super) struct Calls(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    begun: u64,
    ends: HashMap<u64, CancellationToken>,
}

impl Calls {
    /// It lasts until what is given out is dropped.
    pub(super) fn begin(&self, headers: &mut HeaderMap) -> Call {
        let mut open = self.open();
        open.begun += 1;
        let number = open.begun;
        open.ends.insert(number, CancellationToken::new());
        headers.insert(NUMBER, HeaderValue::from(number));
        Call { calls: self.clone(), number }
    }

    /// Cancelled when the call with these headers ends, or has ended.
    pub(super) fn end_of(&self, headers: &HeaderMap) -> CancellationToken {
        let number = headers.get(NUMBER).and_then(|number| number.to_str().ok()?.parse().ok());
        let end = number.and_then(|number: u64| self.open().ends.get(&number).cloned());
        end.unwrap_or_else(|| {
            let ended = CancellationToken::new();
            ended.cancel();
            ended
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open call.
#[derive(Debug)]
pub(super) struct Call {
    calls: Calls,
    number: u64,
}

impl Drop for Call {
    fn drop(&mut self) {
        let end = self.calls.open().ends.remove(&self.number);
        if let Some(end) = end {
            end.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_its_own_end() {
        let (calls, mut first, mut second) = (Calls::default(), HeaderMap::new(), HeaderMap::new());
        let (one, _other) = (calls.begin(&mut first), calls.begin(&mut second));
        let (end, other_end) = (calls.end_of(&first), calls.end_of(&second));
        assert!(!end.is_cancelled());
        drop(one);
        assert!(end.is_cancelled() && !other_end.is_cancelled());
        assert!(calls.end_of(&first).is_cancelled(), "it has ended");
        assert!(calls.end_of(&HeaderMap::new()).is_cancelled(), "nobody called");
    }
}
