use std::time::Duration;

use super::class::FaultClass;
use super::draw::{Drawn, draw};
use super::masked::masked;

/// What S3, or the network before it, does to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum S3Fault {
    /// 500 `InternalError`; nothing was done.
    InternalError,
    /// 503 `SlowDown`; nothing was done.
    SlowDown,
    /// The same with `Retry-After: 1`.
    SlowDownRetryAfter,
    /// The connection is reset before the request is looked at.
    Reset,
    /// The request is served, and the connection reset instead of an answer.
    AnswerLost,
    /// Half of the promised body, then the end of the connection.
    CutBody,
    /// The answer begins after the plan's delay.
    SlowFirstByte,
    /// The body is spread evenly over the plan's delay.
    SlowBody,
    /// A 206 with other bytes than those asked for: fewer, more, shifted, or fewer than its own `Content-Range` says.
    WrongRange,
}

impl FaultClass for S3Fault {
    const SERVICE: &'static str = "s3";
    const ALL: &'static [Self] = &[
        Self::InternalError,
        Self::SlowDown,
        Self::SlowDownRetryAfter,
        Self::Reset,
        Self::AnswerLost,
        Self::CutBody,
        Self::SlowFirstByte,
        Self::SlowBody,
        Self::WrongRange,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::InternalError => "internal-error",
            Self::SlowDown => "slow-down",
            Self::SlowDownRetryAfter => "slow-down-retry-after",
            Self::Reset => "reset",
            Self::AnswerLost => "answer-lost",
            Self::CutBody => "cut-body",
            Self::SlowFirstByte => "slow-first-byte",
            Self::SlowBody => "slow-body",
            Self::WrongRange => "wrong-range",
        }
    }
}

impl S3Fault {
    fn applies_to(self, asked: &S3Asked<'_>) -> bool {
        match self {
            Self::InternalError
            | Self::SlowDown
            | Self::SlowDownRetryAfter
            | Self::Reset
            | Self::AnswerLost
            | Self::SlowFirstByte => true,
            Self::CutBody | Self::SlowBody => matches!(asked.operation, S3Operation::Get | S3Operation::List),
            Self::WrongRange => asked.operation == S3Operation::Get && asked.range.is_some(),
        }
    }
}

/// Kinds of requests, as faults tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Operation {
    Get,
    Head,
    /// Of objects or buckets.
    List,
    /// Of objects, parts and buckets; copies as well.
    Put,
    /// Of one object or, as POST, of many.
    Delete,
    /// Beginning and completing an upload in parts.
    Upload,
}

impl S3Operation {
    pub const ALL: [Self; 6] = [Self::Get, Self::Head, Self::List, Self::Put, Self::Delete, Self::Upload];

    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::List => "list",
            Self::Put => "put",
            Self::Delete => "delete",
            Self::Upload => "upload",
        }
    }
}

/// Which requests a rate is for. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct S3Scope {
    pub operation: Option<S3Operation>,
    pub bucket: Option<String>,
    /// Of the key, or of the prefix that is listed.
    pub prefix: String,
}

impl S3Scope {
    /// Everything in a bucket.
    pub fn bucket(bucket: &str) -> Self {
        Self { bucket: Some(bucket.to_owned()), ..Self::default() }
    }

    fn covers(&self, asked: &S3Asked<'_>) -> bool {
        self.operation.is_none_or(|operation| operation == asked.operation)
            && self.bucket.as_deref().is_none_or(|bucket| bucket == asked.bucket)
            && asked.key.starts_with(&self.prefix)
    }
}

/// A plan of faults for S3: which classes, how often, where.
#[derive(Debug, Clone, PartialEq)]
pub struct S3Faults {
    seed: u64,
    delay: Duration,
    rates: Vec<(Option<S3Fault>, f64, S3Scope)>,
}

impl S3Faults {
    /// No faults yet.
    pub fn new(seed: u64) -> Self {
        Self { seed, delay: Duration::from_secs(2), rates: Vec::new() }
    }

    /// This class, for a share (0 to 1) of the requests that it applies to.
    pub fn with(self, class: S3Fault, rate: f64) -> Self {
        self.with_in(class, rate, S3Scope::default())
    }

    /// As [`with`](Self::with), for some requests only.
    pub fn with_in(mut self, class: S3Fault, rate: f64, scope: S3Scope) -> Self {
        self.rates.push((Some(class), rate, scope));
        self
    }

    /// Any class that applies, for a share of all requests.
    pub fn with_all(self, rate: f64) -> Self {
        self.with_all_in(rate, S3Scope::default())
    }

    /// As [`with_all`](Self::with_all), for some requests only.
    pub fn with_all_in(mut self, rate: f64, scope: S3Scope) -> Self {
        self.rates.push((None, rate, scope));
        self
    }

    /// How long the slow ones take; 2 s if not set.
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub fn delay(&self) -> Duration {
        self.delay
    }

    pub(super) fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What happens to the `occurrence`-th request (counted from 0) of this key.
    pub(crate) fn draw(&self, asked: &S3Asked<'_>, key: &str, occurrence: u64) -> Option<Drawn<S3Fault>> {
        let rates =
            self.rates.iter().filter(|(_, _, scope)| scope.covers(asked)).map(|(class, rate, _)| (*class, *rate));
        draw(self.seed, rates, |class| class.applies_to(asked), key, occurrence)
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct S3Asked<'a> {
    pub(crate) operation: S3Operation,
    pub(crate) bucket: &'a str,
    /// Of a listing: its prefix.
    pub(crate) key: &'a str,
    pub(crate) range: Option<&'a str>,
}

impl S3Asked<'_> {
    /// Names the request, the same in every run.
    pub(crate) fn stable_key(&self) -> String {
        let Self { operation, bucket, key, range } = self;
        format!("{} {bucket}/{} {}", operation.name(), masked(key), range.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(operation: S3Operation, key: &'static str) -> S3Asked<'static> {
        S3Asked { operation, bucket: "lake", key, range: None }
    }

    fn class(plan: &S3Faults, asked: &S3Asked<'_>) -> Option<S3Fault> {
        plan.draw(asked, &asked.stable_key(), 0).map(|drawn| drawn.class)
    }

    #[test]
    fn faults_stay_in_their_scope() {
        let scope = S3Scope { operation: Some(S3Operation::Get), prefix: "a/".to_owned(), ..S3Scope::bucket("lake") };
        let plan = S3Faults::new(1).with_in(S3Fault::Reset, 1.0, scope);
        assert_eq!(class(&plan, &asked(S3Operation::Get, "a/b")), Some(S3Fault::Reset));
        assert_eq!(class(&plan, &asked(S3Operation::Get, "b")), None);
        assert_eq!(class(&plan, &asked(S3Operation::Put, "a/b")), None);
        assert_eq!(class(&plan, &S3Asked { bucket: "other", ..asked(S3Operation::Get, "a/b") }), None);
    }

    #[test]
    fn a_fault_hits_only_what_can_have_it() {
        let plan = S3Faults::new(1).with(S3Fault::WrongRange, 1.0).with(S3Fault::CutBody, 1.0);
        assert_eq!(class(&plan, &asked(S3Operation::Put, "k")), None);
        assert_eq!(class(&plan, &asked(S3Operation::Get, "k")), Some(S3Fault::CutBody));
        let ranged = S3Asked { range: Some("bytes=0-1"), ..asked(S3Operation::Get, "k") };
        assert_eq!(class(&plan, &ranged), Some(S3Fault::WrongRange));
    }

    #[test]
    fn a_run_s_random_ids_do_not_matter() {
        let one = asked(S3Operation::Get, "x/6f9619ff-8b86-d011-b42d-00cf4fc964ff/1/0/0.arrow");
        let other = asked(S3Operation::Get, "x/00000000-8b86-d011-b42d-00cf4fc964ff/1/0/0.arrow");
        assert_eq!(one.stable_key(), other.stable_key());
    }
}
