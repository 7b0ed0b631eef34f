//! How many attempts may be in flight: what the service turned out to bear, and more with time.

use std::time::Duration;

use super::Now;

/// A refusal leaves this part of what is in flight then: others who share the limit get a little room.
const LEFT: f64 = 0.9;

/// After a refusal the window stays as it is for so long: Lambda's own answer asks for about as much.
const HOLD: Duration = Duration::from_secs(1);

/// Then it grows by this part a second, as Lambda lets a function grow (1,000 and 100 a second more,
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html#scaling-rate>), and by so many at the least.
const GROWTH: f64 = 0.1;
const LEAST_GROWTH: f64 = 10.0;

/// Growth is looked at so often.
const STEP: Duration = Duration::from_millis(100);

/// A refusal says how many attempts the service bears: those that are in flight without it. Of many refusals at once only the first
/// and those right after it count: attempts that were launched before the last cut say nothing new.
#[derive(Debug)]
pub(super) struct Window {
    /// At `since`.
    size: f64,
    since: Now,
    max: f64,
    launches: u64,
    /// Launches up to the last cut.
    cut_at: u64,
}

impl Window {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1) as f64;
        Self { size: max, since: Duration::ZERO, max, launches: 0, cut_at: 0 }
    }

    pub(super) fn has_room(&self, now: Now, in_flight: usize) -> bool {
        in_flight < self.size(now) as usize
    }

    /// When time alone will have made more room; `None` for a window that is as large as it may be.
    pub(super) fn next_growth(&self, now: Now) -> Option<Now> {
        (self.size(now) < self.max).then(|| (now + STEP).max(self.since + HOLD + STEP))
    }

    fn size(&self, now: Now) -> f64 {
        let growing = now.saturating_sub(self.since + HOLD).as_secs_f64();
        (self.size + growing * (self.size * GROWTH).max(LEAST_GROWTH)).min(self.max)
    }

    /// Counts a launch; returns its number.
    pub(super) fn launched(&mut self) -> u64 {
        self.launches += 1;
        self.launches
    }

    /// The launch of this number was refused, while so many others are in flight. Whether that is news.
    pub(super) fn throttled(&mut self, now: Now, launch: u64, in_flight: usize) -> bool {
        let is_news = launch > self.cut_at;
        if is_news || now.saturating_sub(self.since) < HOLD {
            let left = (in_flight as f64 * LEFT).max(1.0);
            self.size = self.size(now).min(left);
        }
        if is_news {
            (self.since, self.cut_at) = (now, self.launches);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Now = Duration::ZERO;

    fn size(window: &Window, now: Now) -> usize {
        (0..).find(|in_flight| !window.has_room(now, *in_flight)).unwrap()
    }

    #[test]
    fn a_burst_of_refusals_leaves_what_the_service_bears() {
        let mut window = Window::new(10_000);
        let launches: Vec<u64> = (0..10_000).map(|_| window.launched()).collect();
        let news = launches[1_000..]
            .iter()
            .zip((1_000..10_000).rev())
            .filter(|(launch, in_flight)| window.throttled(T0, **launch, *in_flight));
        assert_eq!(news.count(), 1, "the rest of the burst is no news");
        assert_eq!(size(&window, T0), 900);
    }

    #[test]
    fn a_refusal_of_a_launch_before_the_cut_says_nothing_later() {
        let mut window = Window::new(100);
        let launches: Vec<u64> = (0..100).map(|_| window.launched()).collect();
        window.throttled(T0, launches[99], 99);
        assert!(!window.throttled(HOLD, launches[98], 10));
        assert_eq!(size(&window, HOLD), 89);
        let next = window.launched();
        assert!(window.throttled(HOLD, next, 50));
        assert_eq!(size(&window, HOLD), 45);
    }

    #[test]
    fn after_a_pause_it_grows_with_lambda_and_never_beyond_the_limit() {
        let mut window = Window::new(1_500);
        let launch = window.launched();
        window.throttled(T0, launch, 1_112);
        let second = Duration::from_secs(1);
        assert_eq!(
            [T0, HOLD, HOLD + second, HOLD + 2 * second].map(|now| size(&window, now)),
            [1_000, 1_000, 1_100, 1_200]
        );
        assert_eq!(size(&window, 60 * second), 1_500);
        assert_eq!(window.next_growth(T0), Some(HOLD + STEP));
        assert_eq!(window.next_growth(HOLD + second), Some(HOLD + second + STEP));
        assert_eq!(window.next_growth(60 * second), None);
    }

    #[test]
    fn one_attempt_is_always_allowed() {
        let mut window = Window::new(0);
        for _ in 0..10 {
            let launch = window.launched();
            window.throttled(T0, launch, 0);
        }
        assert_eq!(size(&window, T0), 1);
    }
}
