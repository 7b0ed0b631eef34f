//! Plans as users write them: `seed=7,s3.slow-down=0.1,lambda.throttle=0.05`.

use std::str::FromStr;
use std::time::Duration;

use super::class::FaultClass;
use super::lambda::{LambdaFault, LambdaFaults};
use super::s3::{S3Fault, S3Faults, S3Operation, S3Scope};

/// Faults of both services, and how slow S3 is.
///
/// Parts are separated by commas:
///
/// | part | meaning |
/// |---|---|
/// | `seed=7` | another seed, other faults; 0 if missing |
/// | `delay=2s` | how late the slow and late ones are |
/// | `s3.CLASS=RATE` | a share of the requests, 0 to 1 |
/// | `s3.CLASS:get@lake/events/=RATE` | only such requests, only this bucket, only this prefix; each may be left out |
/// | `lambda.CLASS=RATE` | a share of the invocations |
/// | `s3.all=RATE`, `lambda.all=RATE` | a share of all, each with any class |
/// | `s3.latency=30ms` | every request waits so long |
/// | `s3.bytes-per-second=8000000` | no body is sent faster |
#[derive(Debug, Clone, PartialEq)]
pub struct FaultSpec {
    pub s3: S3Faults,
    pub lambda: LambdaFaults,
    pub s3_latency: Duration,
    /// Per answer.
    pub s3_bytes_per_second: Option<u64>,
}

/// Why a plan could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultSpecError {
    #[error("'{0}' is not NAME=VALUE; write for example s3.slow-down=0.1")]
    NotAPair(String),
    #[error("there is no fault '{name}'; there are seed, delay, s3.latency, s3.bytes-per-second, {known}")]
    UnknownName { name: String, known: String },
    #[error("there is no operation '{name}' to limit faults to; there are {known}")]
    UnknownOperation { name: String, known: String },
    #[error("lambda faults cannot be limited to '{0}': leave it out")]
    LimitedLambda(String),
    #[error("{name} is {wanted}, not '{value}'")]
    BadValue { name: String, wanted: &'static str, value: String },
}

impl FaultSpec {
    /// Every name that takes a rate: `s3.internal-error`, …
    pub fn names() -> Vec<String> {
        fn of<C: FaultClass>() -> impl Iterator<Item = String> {
            let names = C::ALL.iter().map(|class| class.name());
            names.chain(["all"]).map(|name| format!("{}.{name}", C::SERVICE))
        }
        of::<S3Fault>().chain(of::<LambdaFault>()).collect()
    }
}

impl FromStr for FaultSpec {
    type Err = FaultSpecError;

    fn from_str(text: &str) -> Result<Self, FaultSpecError> {
        let (s3, lambda) = (S3Faults::new(0), LambdaFaults::new(0));
        let spec = Self { s3, lambda, s3_latency: Duration::ZERO, s3_bytes_per_second: None };
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).try_fold(spec, part)
    }
}

fn part(spec: FaultSpec, part: &str) -> Result<FaultSpec, FaultSpecError> {
    let (name, value) = part.split_once('=').ok_or_else(|| FaultSpecError::NotAPair(part.to_owned()))?;
    let (name, value) = (name.trim(), value.trim());
    let bad = |wanted| FaultSpecError::BadValue { name: name.to_owned(), wanted, value: value.to_owned() };
    match name {
        "seed" => {
            let seed = value.parse().map_err(|_| bad("a whole number"))?;
            Ok(FaultSpec { s3: spec.s3.seeded(seed), lambda: spec.lambda.seeded(seed), ..spec })
        }
        "delay" => {
            let delay = duration(value).ok_or_else(|| bad("a time such as 500ms or 2s"))?;
            Ok(FaultSpec { s3: spec.s3.with_delay(delay), lambda: spec.lambda.with_delay(delay), ..spec })
        }
        "s3.latency" => {
            let s3_latency = duration(value).ok_or_else(|| bad("a time such as 30ms"))?;
            Ok(FaultSpec { s3_latency, ..spec })
        }
        "s3.bytes-per-second" => {
            let rate = value.parse().ok().filter(|rate| *rate > 0).ok_or_else(|| bad("a number of bytes"))?;
            Ok(FaultSpec { s3_bytes_per_second: Some(rate), ..spec })
        }
        _ => with_rate(spec, name, value),
    }
}

/// What a name before a rate names; `None` is any class.
enum Target {
    S3(Option<S3Fault>),
    Lambda(Option<LambdaFault>),
}

fn target(name: &str) -> Option<Target> {
    fn class<C: FaultClass>(name: &str) -> Option<Option<C>> {
        if name == "all" { Some(None) } else { C::named(name).map(Some) }
    }
    match name.split_once('.')? {
        (S3Fault::SERVICE, name) => class(name).map(Target::S3),
        (LambdaFault::SERVICE, name) => class(name).map(Target::Lambda),
        _ => None,
    }
}

fn with_rate(spec: FaultSpec, name: &str, value: &str) -> Result<FaultSpec, FaultSpecError> {
    let (class, limit) = name.split_at(name.find([':', '@']).unwrap_or(name.len()));
    let target = target(class)
        .ok_or_else(|| FaultSpecError::UnknownName { name: class.to_owned(), known: FaultSpec::names().join(", ") })?;
    let rate: f64 = value.parse().ok().filter(|rate| (0.0..=1.0).contains(rate)).ok_or_else(|| {
        FaultSpecError::BadValue { name: name.to_owned(), wanted: "a share between 0 and 1", value: value.to_owned() }
    })?;
    match target {
        Target::S3(class) => {
            let scope = scope(limit)?;
            let s3 = match class {
                Some(class) => spec.s3.with_in(class, rate, scope),
                None => spec.s3.with_all_in(rate, scope),
            };
            Ok(FaultSpec { s3, ..spec })
        }
        Target::Lambda(_) if !limit.is_empty() => Err(FaultSpecError::LimitedLambda(limit.to_owned())),
        Target::Lambda(class) => {
            let lambda = match class {
                Some(class) => spec.lambda.with(class, rate),
                None => spec.lambda.with_all(rate),
            };
            Ok(FaultSpec { lambda, ..spec })
        }
    }
}

/// `:get@bucket/prefix`, each part optional.
fn scope(limit: &str) -> Result<S3Scope, FaultSpecError> {
    let (operation, place) = limit.split_once('@').unwrap_or((limit, ""));
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    let operation = match operation.strip_prefix(':') {
        Some(name) => {
            Some(S3Operation::ALL.into_iter().find(|operation| operation.name() == name).ok_or_else(|| {
                let known = S3Operation::ALL.map(S3Operation::name).join(", ");
                FaultSpecError::UnknownOperation { name: name.to_owned(), known }
            })?)
        }
        None => None,
    };
    Ok(S3Scope { operation, bucket: (!bucket.is_empty()).then(|| bucket.to_owned()), prefix: prefix.to_owned() })
}

/// `2s`, `0.5s` or `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s')?, 1.0),
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> FaultSpec {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> String {
        text.parse::<FaultSpec>().unwrap_err().to_string()
    }

    #[test]
    fn a_plan_is_read() {
        let read = spec("seed=7, s3.slow-down=0.1,lambda.throttle=0.05,delay=500ms");
        assert_eq!(read.s3, S3Faults::new(7).with(S3Fault::SlowDown, 0.1).with_delay(Duration::from_millis(500)));
        let lambda = LambdaFaults::new(7).with(LambdaFault::Throttle, 0.05);
        assert_eq!(read.lambda, lambda.with_delay(Duration::from_millis(500)));
        // The order of parts does not matter.
        assert_eq!(spec("s3.slow-down=0.1,seed=7").s3, spec("seed=7,s3.slow-down=0.1").s3);
        assert_eq!(spec("s3.latency=30ms,s3.bytes-per-second=9").s3_bytes_per_second, Some(9));
    }

    #[test]
    fn faults_are_limited_to_operations_and_places() {
        let scope = S3Scope {
            operation: Some(S3Operation::Get),
            bucket: Some("lake".to_owned()),
            prefix: "events/2024".to_owned(),
        };
        assert_eq!(spec("s3.reset:get@lake/events/2024=1").s3, S3Faults::new(0).with_in(S3Fault::Reset, 1.0, scope));
        assert_eq!(spec("s3.all@lake=1").s3, S3Faults::new(0).with_all_in(1.0, S3Scope::bucket("lake")));
    }

    #[test]
    fn what_cannot_be_read_says_what_there_is() {
        assert!(refused("s3.slowdown=0.1").contains("there is no fault 's3.slowdown'; there are seed, "));
        assert!(refused("s3.slowdown=0.1").contains("s3.slow-down, "));
        assert!(refused("slow").contains("NAME=VALUE"));
        assert!(refused("lambda.throttle=2").contains("between 0 and 1"));
        assert!(refused("lambda.throttle@lake=1").contains("cannot be limited to '@lake'"));
        assert!(refused("s3.reset:fetch=1").contains("there are get, head, "));
        assert!(refused("sed=1").contains("there is no fault 'sed'"));
        assert!(refused("seed=x").contains("a whole number"));
        assert!(refused("delay=2").contains("500ms"));
    }

    #[test]
    fn every_name_is_a_name() {
        for name in FaultSpec::names() {
            spec(&format!("{name}=0.5"));
        }
    }
}
