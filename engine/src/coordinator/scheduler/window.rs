//! How many attempts may be in flight: additive increase, multiplicative decrease.

/// Halves when the service throttles and grows back by one per round of successes. As in TCP, one halving answers all the
/// losses of one round: refusals of attempts that were launched before the last halving say nothing new.
#[derive(Debug)]
pub(super) struct Window {
    size: f64,
    max: f64,
    launches: u64,
    halved_at: u64,
}

impl Window {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1) as f64;
        Self { size: max, max, launches: 0, halved_at: 0 }
    }

    pub(super) fn has_room(&self, in_flight: usize) -> bool {
        in_flight < self.size as usize
    }

    /// Counts a launch; returns its number.
    pub(super) fn launched(&mut self) -> u64 {
        self.launches += 1;
        self.launches
    }

    pub(super) fn succeeded(&mut self) {
        self.size = (self.size + 1.0 / self.size).min(self.max);
    }

    /// The launch of this number was refused.
    pub(super) fn throttled(&mut self, launch: u64) {
        if launch > self.halved_at {
            self.size = (self.size / 2.0).max(1.0);
            self.halved_at = self.launches;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(window: &Window) -> usize {
        (0..).find(|in_flight| !window.has_room(*in_flight)).unwrap()
    }

    #[test]
    fn a_burst_of_refusals_halves_once_and_the_next_round_again() {
        let mut window = Window::new(64);
        let first: Vec<u64> = (0..64).map(|_| window.launched()).collect();
        first.iter().for_each(|launch| window.throttled(*launch));
        assert_eq!(size(&window), 32);
        let second: Vec<u64> = (0..32).map(|_| window.launched()).collect();
        second.iter().for_each(|launch| window.throttled(*launch));
        assert_eq!(size(&window), 16);
    }

    #[test]
    fn a_round_of_successes_adds_one_and_never_more_than_the_limit() {
        let mut window = Window::new(8);
        let launch = window.launched();
        window.throttled(launch);
        assert_eq!(size(&window), 4);
        (0..5).for_each(|_| window.succeeded());
        assert_eq!(size(&window), 5);
        (0..1000).for_each(|_| window.succeeded());
        assert_eq!(size(&window), 8);
    }

    #[test]
    fn one_attempt_is_always_allowed() {
        let mut window = Window::new(0);
        for _ in 0..10 {
            let launch = window.launched();
            window.throttled(launch);
        }
        assert_eq!(size(&window), 1);
    }
}
