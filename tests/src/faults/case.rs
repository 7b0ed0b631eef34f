use std::collections::BTreeMap;
use std::time::Duration;

use arachne_sandbox::faults::{FaultClass, LambdaFault, LambdaFaults, S3Fault, S3Faults, S3Scope};

use crate::sandbox::{EXCHANGE, LAKE, Sandbox};

/// What goes wrong during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// In the tables' bucket and in the exchange alike.
    S3(S3Fault),
    Lambda(LambdaFault),
    /// Each request and each invocation may have any fault.
    All,
}

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub struct Dose {
    pub seed: u64,
    /// Share of the requests, or of the invocations.
    pub rate: f64,
    /// How late the slow and late ones are.
    pub delay: Duration,
}

impl Case {
    /// Every class by itself, then all together.
    pub fn each() -> impl Iterator<Item = Self> {
        let s3 = S3Fault::ALL.iter().copied().map(Self::S3);
        s3.chain(LambdaFault::ALL.iter().copied().map(Self::Lambda)).chain([Self::All])
    }

    /// `s3.slow-down`
    pub fn name(self) -> String {
        match self {
            Self::S3(class) => format!("{}.{}", S3Fault::SERVICE, class.name()),
            Self::Lambda(class) => format!("{}.{}", LambdaFault::SERVICE, class.name()),
            Self::All => "all".to_owned(),
        }
    }

    /// Begins to inject; counts begin anew.
    pub fn begin(self, sandbox: &Sandbox, dose: Dose) {
        let Dose { seed, rate, delay } = dose;
        let mut s3 = S3Faults::new(seed).with_delay(delay);
        // What names a task's attempt in our requests; the rest of them is not the same in every run.
        let mut lambda = LambdaFaults::new(seed).with_delay(delay).with_payload_key("/attempt");
        for bucket in [LAKE, EXCHANGE] {
            let scope = S3Scope::bucket(bucket);
            s3 = match self {
                Self::S3(class) => s3.with_in(class, rate, scope),
                Self::All => s3.with_all_in(rate, scope),
                Self::Lambda(_) => s3,
            };
        }
        lambda = match self {
            Self::Lambda(class) => lambda.with(class, rate),
            Self::All => lambda.with_all(rate),
            Self::S3(_) => lambda,
        };
        sandbox.s3.conditions().set_faults(s3);
        sandbox.lambda.conditions().set_faults(lambda);
    }

    /// Ends the faults; how often each was injected.
    pub fn end(self, sandbox: &Sandbox) -> BTreeMap<String, u64> {
        let (s3, lambda) = (sandbox.s3.conditions(), sandbox.lambda.conditions());
        let named = |service: &'static str, counts: BTreeMap<&'static str, u64>| {
            counts.into_iter().map(move |(class, count)| (format!("{service}.{class}"), count))
        };
        let injected =
            named(S3Fault::SERVICE, s3.injected()).chain(named(LambdaFault::SERVICE, lambda.injected())).collect();
        s3.clear_faults();
        lambda.clear_faults();
        injected
    }
}
