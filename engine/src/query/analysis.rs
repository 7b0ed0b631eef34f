//! What stages and their tasks did, as tables: for EXPLAIN ANALYZE.

use std::time::Duration;

use crate::coordinator::{StageStats, TaskDetail};
use crate::units::bytes;

/// Tasks of a stage that are shown; of more, the slowest.
const TASKS_SHOWN: usize = 24;

/// A task that took so many times as long as the median is marked.
const SKEWED: u32 = 3;

const HEADER: [&str; 12] = [
    "task",
    "time",
    "billed",
    "attempts",
    "rows in",
    "rows out",
    "scanned",
    "exchanged",
    "output",
    "memory",
    "spilled",
    "",
];

pub(super) fn stage_tables(stages: &[StageStats]) -> String {
    if stages.is_empty() {
        return "in the coordinator alone".to_owned();
    }
    stages.iter().map(stage_table).collect::<Vec<_>>().join("\n")
}

fn stage_table(stage: &StageStats) -> String {
    let mut text = format!(
        "{}: {} {}, {} attempts ({} retried, {} cold), {} rows, {} scanned, {} exchanged, {} GET, {} PUT, {} spilled, \
         slowest task {} ms, {:.3} GB-s\n",
        name_of(stage.stage, stage.combines),
        stage.tasks,
        if stage.tasks == 1 { "task" } else { "tasks" },
        stage.attempts,
        stage.retried,
        stage.cold_starts,
        stage.rows,
        bytes(stage.requests.bytes_scanned),
        bytes(stage.requests.bytes_exchanged),
        stage.requests.get,
        stage.requests.put,
        bytes(stage.spilled_bytes),
        stage.slowest_task.as_millis(),
        stage.gb_seconds,
    );
    let median = median(&stage.tasks_detail);
    let mut shown: Vec<&TaskDetail> = stage.tasks_detail.iter().collect();
    let left_out = shown.len().saturating_sub(TASKS_SHOWN);
    if left_out > 0 {
        shown.sort_by_key(|task| std::cmp::Reverse(task.elapsed));
        shown.truncate(TASKS_SHOWN);
    }
    let rows: Vec<[String; 12]> =
        std::iter::once(HEADER.map(str::to_owned)).chain(shown.into_iter().map(|task| cells(task, median))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        text.push_str("  ");
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    if left_out > 0 {
        text.push_str(&format!("  and {left_out} faster tasks\n"));
    }
    text
}

/// Stages in between have no number that a plan shows.
fn name_of(stage: u32, combines: Option<u32>) -> String {
    match combines {
        Some(combined) => format!("combining stage {combined}"),
        None => format!("stage {stage}"),
    }
}

fn cells(task: &TaskDetail, median: Duration) -> [String; 12] {
    let skewed = task.elapsed > median * SKEWED && task.elapsed > Duration::from_millis(100);
    [
        task.task.to_string(),
        format!("{} ms", task.elapsed.as_millis()),
        format!("{} ms", task.billed.as_millis()),
        task.attempts.to_string(),
        task.rows_in.to_string(),
        task.rows_out.to_string(),
        bytes(task.requests.bytes_scanned),
        bytes(task.requests.bytes_exchanged),
        bytes(task.bytes_out),
        bytes(task.peak_memory_bytes),
        bytes(task.spilled_bytes),
        [(task.winner.is_none(), "not finished"), (skewed, "skewed"), (task.cold, "cold")]
            .into_iter()
            .filter_map(|(holds, word)| holds.then_some(word))
            .collect::<Vec<_>>()
            .join(", "),
    ]
}

fn median(tasks: &[TaskDetail]) -> Duration {
    let mut times: Vec<_> = tasks.iter().map(|task| task.elapsed).collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_in_between_is_named_by_the_one_it_combines() {
        assert_eq!(name_of(2, None), "stage 2");
        assert_eq!(name_of(1_000_002, Some(2)), "combining stage 2");
    }

    #[test]
    fn a_task_that_takes_much_longer_than_the_others_stands_out() {
        let task = |task, milliseconds| TaskDetail {
            task,
            elapsed: Duration::from_millis(milliseconds),
            winner: Some(0),
            attempts: 1,
            ..TaskDetail::default()
        };
        let tasks: Vec<_> = (0..30).map(|number| task(number, if number == 7 { 900 } else { 200 })).collect();
        let median = median(&tasks);
        assert_eq!(median, Duration::from_millis(200));
        assert_eq!(cells(&tasks[7], median)[11], "skewed");
        assert_eq!(cells(&tasks[8], median)[11], "");
    }
}
