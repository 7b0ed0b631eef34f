use std::time::Duration;

use sha2::{Digest, Sha256};

use super::class::FaultClass;
use super::draw::{Drawn, draw};
use super::masked::masked;

/// What Lambda, or the network before it, does to an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LambdaFault {
    /// 429 `TooManyRequestsException`; nothing ran.
    Throttle,
    /// The same with `Retry-After: 1`.
    ThrottleRetryAfter,
    /// 500 `ServiceException`; nothing ran.
    ServiceError,
    /// The worker is killed some time after it took the work; the caller hears of a time-out.
    Timeout,
    /// The worker is killed as soon as it has taken the work.
    CrashBeforeOutput,
    /// The worker is killed when it has done everything but hand over its answer.
    CrashAfterOutput,
    /// As a crash before output, for memory.
    OutOfMemory,
    /// The same payload goes to a second environment as well; the caller gets the answer of the first.
    Duplicate,
    /// The answer arrives after the plan's delay.
    LateAnswer,
    /// Half of the answer's body, then the end of the connection.
    CutAnswer,
    /// Half of the answer as if it were all of it: broken JSON.
    TruncatedAnswer,
    /// A new environment, whose start takes the plan's delay longer.
    ColdStart,
}

impl FaultClass for LambdaFault {
    const SERVICE: &'static str = "lambda";
    const ALL: &'static [Self] = &[
        Self::Throttle,
        Self::ThrottleRetryAfter,
        Self::ServiceError,
        Self::Timeout,
        Self::CrashBeforeOutput,
        Self::CrashAfterOutput,
        Self::OutOfMemory,
        Self::Duplicate,
        Self::LateAnswer,
        Self::CutAnswer,
        Self::TruncatedAnswer,
        Self::ColdStart,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::ThrottleRetryAfter => "throttle-retry-after",
            Self::ServiceError => "service-error",
            Self::Timeout => "timeout",
            Self::CrashBeforeOutput => "crash-before-output",
            Self::CrashAfterOutput => "crash-after-output",
            Self::OutOfMemory => "out-of-memory",
            Self::Duplicate => "duplicate",
            Self::LateAnswer => "late-answer",
            Self::CutAnswer => "cut-answer",
            Self::TruncatedAnswer => "truncated-answer",
            Self::ColdStart => "cold-start",
        }
    }
}

/// A plan of faults for Lambda: which classes, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct LambdaFaults {
    seed: u64,
    delay: Duration,
    timeout_after: Duration,
    payload_key: Option<String>,
    rates: Vec<(Option<LambdaFault>, f64)>,
}

impl LambdaFaults {
    /// No faults yet.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            delay: Duration::from_secs(2),
            timeout_after: Duration::from_millis(200),
            payload_key: None,
            rates: Vec::new(),
        }
    }

    /// This class, for a share (0 to 1) of all invocations.
    pub fn with(mut self, class: LambdaFault, rate: f64) -> Self {
        self.rates.push((Some(class), rate));
        self
    }

    /// Any class, for a share of all invocations.
    pub fn with_all(mut self, rate: f64) -> Self {
        self.rates.push((None, rate));
        self
    }

    /// How much later answers and cold starts are; 2 s if not set.
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// When an invocation times out, counted from its start; 200 ms if not set.
    pub fn with_timeout_after(mut self, timeout_after: Duration) -> Self {
        self.timeout_after = timeout_after;
        self
    }

    /// The part of the payload that names an invocation, as a JSON pointer (`/attempt`). If not set, the whole payload does,
    /// which is the same in every run only if nothing in it but UUIDs is random.
    pub fn with_payload_key(mut self, pointer: &str) -> Self {
        self.payload_key = Some(pointer.to_owned());
        self
    }

    pub fn delay(&self) -> Duration {
        self.delay
    }

    pub fn timeout_after(&self) -> Duration {
        self.timeout_after
    }

    pub(super) fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Names the invocation.
    pub(crate) fn stable_key(&self, payload: &[u8]) -> String {
        let part = self.payload_key.as_deref().and_then(|pointer| {
            let payload: serde_json::Value = serde_json::from_slice(payload).ok()?;
            Some(payload.pointer(pointer)?.to_string())
        });
        part.unwrap_or_else(|| hex::encode(Sha256::digest(masked(&String::from_utf8_lossy(payload)))))
    }

    /// What happens to the `occurrence`-th invocation (counted from 0) of this key.
    pub(crate) fn draw(&self, key: &str, occurrence: u64) -> Option<Drawn<LambdaFault>> {
        draw(self.seed, self.rates.iter().copied(), |_| true, key, occurrence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_named_by_its_payload_or_a_part_of_it() {
        let payload = |run: &str, task: u32| format!(r#"{{"run":"{run}","attempt":{{"task":{task}}}}}"#).into_bytes();
        let (one, other) = ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", "00000000-8b86-d011-b42d-00cf4fc964ff");
        let plan = LambdaFaults::new(1);
        assert_eq!(plan.stable_key(&payload(one, 1)), plan.stable_key(&payload(other, 1)));
        assert_ne!(plan.stable_key(&payload(one, 1)), plan.stable_key(&payload(one, 2)));
        let plan = plan.with_payload_key("/attempt");
        assert_eq!(plan.stable_key(&payload("anything", 3)), r#"{"task":3}"#);
        assert_eq!(plan.stable_key(b"{}"), LambdaFaults::new(1).stable_key(b"{}"));
    }
}
