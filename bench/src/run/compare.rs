//! `arachne-bench compare`: what changed between two runs.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use super::results::Results;
use super::totals::{Cell, Times, cell, median};
use crate::output::say;

#[derive(Debug, Clone, Args)]
pub(crate) struct CompareOptions {
    /// The results of the run before
    before: PathBuf,
    /// The results of the run after
    after: PathBuf,
    /// Changes within the spread, too
    #[arg(long)]
    all: bool,
}

/// What one run alone may differ from the next: where nothing was repeated, less is taken for noise.
const NOISE: f64 = 0.1;

/// What became of one time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Change {
    before: f64,
    after: f64,
    /// The spreads do not touch; or, where there is none, it is more than [`NOISE`].
    beyond_spread: bool,
}

pub(crate) fn compare(options: &CompareOptions) -> Result<()> {
    let (before, after) = (Results::load(&options.before)?, Results::load(&options.after)?);
    ensure!(
        (before.suite, before.format, before.s3, &before.scale) == (after.suite, after.format, after.s3, &after.scale),
        "these are results of different things: {} and {}",
        options.before.display(),
        options.after.display()
    );
    if before.machine != after.machine {
        say(format_args!("different machines: {}; {}\n", before.machine.describe(), after.machine.describe()))?;
    }
    say(table(&before, &after, options.all))?;
    Ok(())
}

fn table(before: &Results, after: &Results, all: bool) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["engine", "query", "run", "before s", "after s", "ratio", "beyond the spread"]);
    for engine in before.engines.iter().filter(|one| after.engines.iter().any(|other| other.name == one.name)) {
        let mut sums = [("cold", 0.0, 0.0), ("hot", 0.0, 0.0)];
        for query in &before.queries {
            let (old, new) = (cell(before, &engine.name, query), cell(after, &engine.name, query));
            let (old, new) = match (old, new) {
                (Cell::Answered(old), Cell::Answered(new)) => (old, new),
                (Cell::Answered(_), Cell::Failed(message)) => {
                    table.add_row([&engine.name, query, "", "answered", "failed", "", &message]);
                    continue;
                }
                (Cell::Failed(_), Cell::Answered(_)) => {
                    table.add_row([engine.name.as_str(), query, "", "failed", "answered", "", "yes"]);
                    continue;
                }
                _ => continue,
            };
            let changes = [change(&old.cold, &new.cold), change(&hot(&old), &hot(&new))];
            for (sum, change) in sums.iter_mut().zip(changes) {
                let Some(change) = change else { continue };
                sum.1 += change.before;
                sum.2 += change.after;
                if all || change.beyond_spread {
                    table.add_row(row(&engine.name, query, sum.0, change));
                }
            }
        }
        for (run, before, after) in sums.into_iter().filter(|(_, before, _)| *before > 0.0) {
            let ratio = format!("{:.2}", after / before);
            table.add_row([&engine.name, "all", run, &format!("{before:.3}"), &format!("{after:.3}"), &ratio, ""]);
        }
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(engine: &str, query: &str, run: &str, change: Change) -> [String; 7] {
    [
        engine.to_owned(),
        query.to_owned(),
        run.to_owned(),
        format!("{:.3}", change.before),
        format!("{:.3}", change.after),
        format!("{:.2}", change.after / change.before),
        if change.beyond_spread { "yes" } else { "no" }.to_owned(),
    ]
}

/// All hot runs that were told apart.
fn hot(times: &Times) -> Vec<f64> {
    times.hot.clone()
}

/// `None` where there is nothing to compare.
fn change(before: &[f64], after: &[f64]) -> Option<Change> {
    if before.is_empty() || after.is_empty() {
        return None;
    }
    let (old, new) = (median(before), median(after));
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let apart = most(before) < least(after) || most(after) < least(before);
    let repeated = before.len() > 1 && after.len() > 1;
    let beyond_spread = apart && (repeated || (new / old - 1.0).abs() > NOISE);
    Some(Change { before: old, after: new, beyond_spread })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::state::Outcome;
    use crate::run::totals::tests::{measured, results};

    #[test]
    fn a_change_counts_when_the_spreads_do_not_touch() {
        let beyond = |before: &[f64], after: &[f64]| change(before, after).unwrap().beyond_spread;
        assert!(beyond(&[1.0, 1.1, 1.2], &[1.3, 1.4, 1.5]));
        assert!(!beyond(&[1.0, 1.1, 1.4], &[1.3, 1.4, 1.5]));
        assert!(!beyond(&[1.0], &[1.05]), "one run each says little");
        assert!(beyond(&[1.0], &[0.8]));
        assert_eq!(change(&[], &[1.0]), None);
    }

    #[test]
    fn what_changed_is_listed_by_engine_and_query() {
        let failed = || Outcome::Failed("no".into());
        let before = results(&[(
            "ours",
            vec![vec![measured(1.0, &[1.0])], vec![measured(2.0, &[1.0])], vec![failed()], vec![measured(1.0, &[])]],
        )]);
        let after = results(&[(
            "ours",
            vec![vec![measured(1.0, &[0.5])], vec![measured(4.0, &[1.0])], vec![measured(1.0, &[])], vec![failed()]],
        )]);
        let text = table(&before, &after, false).to_string();
        let lines: Vec<String> =
            text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "| ours | q01 | hot | 1.000 | 0.500 | 0.50 | yes |",
            "| ours | q02 | cold | 2.000 | 4.000 | 2.00 | yes |",
            "| ours | q03 | | failed | answered | | yes |",
            "| ours | q04 | | answered | failed | | no |",
            "| ours | all | cold | 3.000 | 5.000 | 1.67 | |",
            "| ours | all | hot | 2.000 | 1.500 | 0.75 | |",
        ];
        assert_eq!(lines[2..], expected);
    }
}
