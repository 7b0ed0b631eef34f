//! Slows down those who guess passwords, a user name at a time.

use std::collections::HashMap;
use std::time::Duration;

/// So many wrong ones are typing errors.
const FREE: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Forgotten after so long without another failure.
const FORGET: Duration = Duration::from_secs(600);
/// Names are whatever callers send: no more than these are remembered, those that fail longest ago go first.
const MAX_NAMES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Throttle {
    failures: HashMap<String, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    /// Milliseconds since 1970.
    last: i64,
}

impl Throttle {
    /// How long this user has to wait before the next attempt; none for most.
    pub(super) fn wait(&self, user: &str, now: i64) -> Option<Duration> {
        let failures = self.failures.get(user)?;
        let over = failures.count.checked_sub(FREE)?;
        let wait = FIRST_WAIT.saturating_mul(1 << over.min(5)).min(LONGEST_WAIT);
        wait.checked_sub(since(failures.last, now)).filter(|left| !left.is_zero())
    }

    pub(super) fn failed(&mut self, user: &str, now: i64) {
        if !self.failures.contains_key(user) && self.failures.len() >= MAX_NAMES {
            self.make_room(now);
        }
        let failures = self.failures.entry(user.to_owned()).or_insert(Failures { count: 0, last: now });
        if since(failures.last, now) > FORGET {
            failures.count = 0;
        }
        *failures = Failures { count: failures.count.saturating_add(1), last: now };
    }

    pub(super) fn succeeded(&mut self, user: &str) {
        self.failures.remove(user);
    }

    fn make_room(&mut self, now: i64) {
        self.failures.retain(|_, failures| since(failures.last, now) <= FORGET);
        if self.failures.len() >= MAX_NAMES
            && let Some(oldest) =
                self.failures.iter().min_by_key(|(_, failures)| failures.last).map(|(name, _)| name.clone())
        {
            self.failures.remove(&oldest);
        }
    }
}

fn since(then: i64, now: i64) -> Duration {
    Duration::from_millis(u64::try_from(now.saturating_sub(then)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_after_some_failures_and_end() {
        let mut throttle = Throttle::default();
        for _ in 0..4 {
            throttle.failed("ana", 0);
        }
        assert_eq!(throttle.wait("ana", 0), None);
        throttle.failed("ana", 0);
        assert_eq!(throttle.wait("ana", 0), Some(FIRST_WAIT));
        assert_eq!(throttle.wait("ben", 0), None);
        throttle.failed("ana", 1000);
        assert_eq!(throttle.wait("ana", 1000), Some(FIRST_WAIT * 2));
        assert_eq!(throttle.wait("ana", 3000), None);
        for _ in 0..100 {
            throttle.failed("ana", 3000);
        }
        assert_eq!(throttle.wait("ana", 3000), Some(LONGEST_WAIT));
        throttle.succeeded("ana");
        assert_eq!(throttle.wait("ana", 3000), None);
    }

    #[test]
    fn invented_names_do_not_pile_up() {
        let mut throttle = Throttle::default();
        for name in 0..3 * MAX_NAMES {
            throttle.failed(&name.to_string(), i64::try_from(name).unwrap());
        }
        assert!(throttle.failures.len() <= MAX_NAMES);
    }
}
