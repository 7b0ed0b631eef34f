//! The virtual Lambda: who may start, cold or warm, and who is sent away.

use std::time::Duration;

use super::conditions::LambdaRules;

/// Time since the query started.
pub(super) type Now = Duration;

/// A place where invocations run one after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Environment {
    /// When its last invocation ended; `None` for a new one.
    pub(super) idle_since: Option<Now>,
    /// Bytes of its network's burst that were left then.
    pub(super) burst_left: f64,
}

impl Environment {
    pub(super) fn is_cold(&self) -> bool {
        self.idle_since.is_none()
    }
}

/// A 429: the account's concurrency, its rate of requests, or the function's new environments are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

#[derive(Debug)]
pub(super) struct VirtualLambda {
    rules: LambdaRules,
    /// The burst of a new environment.
    burst: f64,
    idle: Vec<Environment>,
    busy: usize,
    peak: usize,
    new_environments: Bucket,
    requests: Bucket,
    cold_starts: u32,
    refusals: u32,
}

impl VirtualLambda {
    pub(super) fn new(rules: &LambdaRules, burst: f64) -> Self {
        let requests = rules.concurrency as f64 * rules.requests_per_concurrency;
        let warm = Environment { idle_since: Some(Duration::ZERO), burst_left: burst };
        Self {
            idle: vec![warm; rules.warm],
            busy: 0,
            peak: 0,
            new_environments: Bucket::full(rules.environments, rules.environments_per_second),
            requests: Bucket::full(requests, requests),
            cold_starts: 0,
            refusals: 0,
            rules: rules.clone(),
            burst,
        }
    }

    /// One invocation arrives.
    pub(super) fn invoke(&mut self, now: Now) -> Result<Environment, Refused> {
        let environment = self.admit(now);
        match &environment {
            Ok(environment) => {
                self.busy += 1;
                self.peak = self.peak.max(self.busy);
                self.cold_starts += u32::from(environment.is_cold());
            }
            Err(Refused) => self.refusals += 1,
        }
        environment
    }

    fn admit(&mut self, now: Now) -> Result<Environment, Refused> {
        if !self.requests.take(now) || self.busy >= self.rules.concurrency {
            return Err(Refused);
        }
        if let Some(warm) = self.idle.pop() {
            return Ok(warm);
        }
        if !self.new_environments.take(now) {
            return Err(Refused);
        }
        Ok(Environment { idle_since: None, burst_left: self.burst })
    }

    /// An invocation has ended; `None` where its environment died with it.
    pub(super) fn ended(&mut self, environment: Option<Environment>) {
        self.busy = self.busy.saturating_sub(1);
        self.idle.extend(environment);
    }

    pub(super) fn cold_starts(&self) -> u32 {
        self.cold_starts
    }

    pub(super) fn refusals(&self) -> u32 {
        self.refusals
    }

    /// The most invocations that ran at once.
    pub(super) fn peak(&self) -> usize {
        self.peak
    }
}

/// Holds so much at most, and fills continuously.
#[derive(Debug)]
struct Bucket {
    held: f64,
    most: f64,
    per_second: f64,
    at: Now,
}

impl Bucket {
    fn full(most: f64, per_second: f64) -> Self {
        Self { held: most, most, per_second, at: Duration::ZERO }
    }

    fn take(&mut self, now: Now) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.held = (self.held + passed * self.per_second).min(self.most);
        self.at = self.at.max(now);
        let is_enough = self.held >= 1.0;
        if is_enough {
            self.held -= 1.0;
        }
        is_enough
    }
}

#[cfg(test)]
mod tests {
    use super::super::conditions::Conditions;
    use super::*;

    fn lambda(concurrency: usize, warm: usize) -> VirtualLambda {
        VirtualLambda::new(&Conditions::new(concurrency, concurrency, warm).lambda, 300e6)
    }

    fn admitted(lambda: &mut VirtualLambda, now: Now, asked: usize) -> usize {
        (0..asked).filter(|_| lambda.invoke(now).is_ok()).count()
    }

    #[test]
    fn a_function_gets_a_thousand_new_environments_and_a_hundred_more_each_second() {
        let mut lambda = lambda(10_000, 0);
        assert_eq!(admitted(&mut lambda, Duration::ZERO, 5_000), 1_000);
        assert_eq!(admitted(&mut lambda, Duration::from_secs(1), 5_000), 100);
        assert_eq!(admitted(&mut lambda, Duration::from_secs(11), 5_000), 1_000, "never more than 1,000 at once");
        assert_eq!(admitted(&mut lambda, Duration::from_secs(100), 5_000), 1_000, "they do not add up");
        assert_eq!((lambda.cold_starts(), lambda.refusals(), lambda.peak()), (3_100, 16_900, 3_100));
    }

    #[test]
    fn the_account_s_concurrency_bounds_warm_and_cold_together() {
        let mut lambda = lambda(50, 30);
        assert_eq!(admitted(&mut lambda, Duration::ZERO, 60), 50);
        assert_eq!(lambda.cold_starts(), 20);
        lambda.ended(Some(Environment { idle_since: Some(Duration::from_secs(1)), burst_left: 0.0 }));
        assert_eq!(admitted(&mut lambda, Duration::from_secs(1), 2), 1);
        assert_eq!(lambda.cold_starts(), 20, "a warm environment needs no start");
    }

    #[test]
    fn a_crash_takes_its_environment_with_it() {
        let mut lambda = lambda(10, 1);
        assert!(!lambda.invoke(Duration::ZERO).unwrap().is_cold());
        lambda.ended(None);
        assert!(lambda.invoke(Duration::ZERO).unwrap().is_cold());
    }

    #[test]
    fn requests_are_bounded_by_ten_times_the_concurrency_a_second() {
        let mut lambda = lambda(10, 10);
        for _ in 0..100 {
            let environment = lambda.invoke(Duration::ZERO).unwrap();
            lambda.ended(Some(environment));
        }
        assert_eq!(lambda.invoke(Duration::ZERO), Err(Refused));
        assert!(lambda.invoke(Duration::from_millis(10)).is_ok());
    }
}
