//! Bytes into tasks.

use crate::units::bytes as shown;

/// The width of a plan's stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Width {
    /// As many tasks as bytes need at so many bytes a task.
    BytesPerTask(u64),
    /// Exactly so many, whatever the size: the first stage gets the first entry, and so on, over and over.
    Tasks(Vec<usize>),
}

/// What bounds every width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Tasks of one stage at most.
    pub(crate) max_tasks: usize,
    /// Tasks that run at once: more of them wait.
    pub(crate) in_flight: usize,
}

/// A width and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WidthFor {
    pub(crate) tasks: usize,
    pub(crate) reason: String,
}

impl Width {
    /// The tasks of the `nth` stage of its kind, which has `bytes` to work on in at most `pieces` pieces.
    pub(crate) fn tasks_for(&self, bytes: u64, pieces: usize, nth: usize, limits: Limits) -> WidthFor {
        let per_task = match self {
            Self::BytesPerTask(per_task) => (*per_task).max(1),
            Self::Tasks(tasks) => {
                let tasks = tasks.get(nth % tasks.len().max(1)).copied().unwrap_or(1).clamp(1, limits.max_tasks.max(1));
                return WidthFor { tasks, reason: "asked for by tasks_per_stage".to_owned() };
            }
        };
        let size = format!("at {} a task", shown(per_task));
        let wanted = usize::try_from(bytes.div_ceil(per_task)).unwrap_or(usize::MAX).max(1);
        if wanted > pieces.max(1) && pieces.max(1) <= limits.max_tasks {
            return WidthFor { tasks: pieces.max(1), reason: format!("{size}, in no more pieces than it has") };
        }
        let waves = in_whole_waves(wanted, bytes, per_task, limits.in_flight.max(1)).min(pieces.max(wanted));
        let (tasks, note) = match waves {
            waves if waves > limits.max_tasks => {
                (limits.max_tasks.max(1), format!(", limited by max_workers = {}", limits.max_tasks))
            }
            waves if waves != wanted => (waves, format!(", in whole waves of max_in_flight = {}", limits.in_flight)),
            waves => (waves, String::new()),
        };
        WidthFor { tasks, reason: size + &note }
    }
}

/// A wave takes as long as its slowest task, so a last wave that is nearly empty costs a whole one: what is little more than one wave
/// is put into one, and what takes several fills the last.
fn in_whole_waves(wanted: usize, bytes: u64, per_task: u64, in_flight: usize) -> usize {
    if wanted <= in_flight {
        return wanted;
    }
    let one_wave = (in_flight as u64).saturating_mul(per_task);
    if bytes <= one_wave.saturating_add(one_wave / 2) {
        return in_flight;
    }
    wanted.div_ceil(in_flight).saturating_mul(in_flight)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 100_000;

    #[test]
    fn width_follows_the_bytes() {
        // bytes, pieces, max_workers, max_in_flight; tasks and what the reason says.
        let table = [
            (0, MANY, 256, 256, 1, ""),
            (1, MANY, 256, 256, 1, ""),
            (100, MANY, 256, 256, 1, ""),
            (101, MANY, 256, 256, 2, "at 100 B a task"),
            (1_000, MANY, 256, 256, 10, ""),
            (1_000, 3, 256, 256, 3, "no more pieces"),
            (1_000, 0, 256, 256, 1, "no more pieces"),
            (1_000, MANY, 7, 256, 7, "max_workers = 7"),
            (1_000, MANY, 0, 256, 1, "max_workers"),
            // Ten tasks in flight: 11 to 15 tasks' worth fit one wave, more fills whole ones.
            (1_100, MANY, 256, 10, 10, "whole waves"),
            (1_500, MANY, 256, 10, 10, "whole waves"),
            (1_501, MANY, 256, 10, 20, "whole waves"),
            (2_000, MANY, 256, 10, 20, ""),
            (2_001, MANY, 256, 10, 30, "max_in_flight = 10"),
            (2_001, MANY, 25, 10, 25, "max_workers = 25"),
            (2_001, 24, 256, 10, 24, "whole waves"),
            (u64::MAX, MANY, 256, 256, 256, "max_workers"),
        ];
        let width = Width::BytesPerTask(100);
        for (bytes, pieces, max_tasks, in_flight, tasks, says) in table {
            let WidthFor { tasks: got, reason } = width.tasks_for(bytes, pieces, 0, Limits { max_tasks, in_flight });
            assert_eq!(
                got, tasks,
                "{bytes} bytes, {pieces} pieces, {max_tasks} workers, {in_flight} in flight: {reason}"
            );
            assert!(reason.contains(says), "{bytes} bytes: {reason}");
        }
    }

    #[test]
    fn forced_widths_go_round() {
        let width = Width::Tasks(vec![3, 7, 1]);
        let limits = Limits { max_tasks: 5, in_flight: 2 };
        assert_eq!([0, 1, 2, 3, 4].map(|nth| width.tasks_for(1, 1, nth, limits).tasks), [3, 5, 1, 3, 5]);
    }
}
