//! Wide shuffles in two levels: where producers times consumers would be too many requests, tasks in between join the outputs of
//! groups of producers, so that a consumer reads one object a group instead of one a producer (docs/adr/0007).

use std::ops::Range;

/// Combining is a stage of its own in the scheduler's eyes. The planner's stages are counted from 1 and never reach this number.
const COMBINING: u32 = 1_000_000;

/// How the outputs of one stage are combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Combining {
    /// The producers' stage.
    pub(super) of: u32,
    /// The producers that each combining task reads.
    pub(super) groups: Vec<Range<u32>>,
}

impl Combining {
    /// As many groups as producers in a group, about: fewer would make combining slow, more would save fewer requests.
    pub(super) fn new(of: u32, producers: u32) -> Self {
        let count = f64::from(producers).sqrt().ceil() as u32;
        let bound = |group: u32| (u64::from(producers) * u64::from(group) / u64::from(count.max(1))) as u32;
        Self { of, groups: (0..count).map(|group| bound(group)..bound(group + 1)).collect() }
    }

    /// The number of the stage in between.
    pub(super) fn stage(&self) -> u32 {
        COMBINING + self.of
    }
}

/// Whether a shuffle of so many tasks each side is read through a stage in between.
pub(super) fn is_wide(producers: u32, consumers: u32, combine_above: u64) -> bool {
    producers > 3 && u64::from(producers) * u64::from(consumers) > combine_above
}

/// The stage whose outputs the stage of this number combines.
pub(super) fn combined_by(stage: u32) -> Option<u32> {
    stage.checked_sub(COMBINING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_producer_is_in_one_group_and_groups_are_even() {
        for producers in [1, 4, 5, 40, 200, 1000, 1024] {
            let combining = Combining::new(3, producers);
            let flat: Vec<u32> = combining.groups.iter().cloned().flatten().collect();
            assert_eq!(flat, (0..producers).collect::<Vec<_>>());
            let sizes: Vec<usize> = combining.groups.iter().map(ExactSizeIterator::len).collect();
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(most - least <= 1, "{sizes:?}");
            assert_eq!(combined_by(combining.stage()), Some(3));
        }
        assert_eq!(Combining::new(3, 200).groups.len(), 15);
        assert_eq!(combined_by(3), None);
    }

    #[test]
    fn only_wide_shuffles_are_combined() {
        let cases = [(200, 200, true), (64, 64, false), (65, 64, true), (3, 100_000, false)];
        for (producers, consumers, wide) in cases {
            assert_eq!(is_wide(producers, consumers, 4096), wide, "{producers} x {consumers}");
        }
    }
}
