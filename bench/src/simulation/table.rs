//! The results as people and programs read them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;

use super::Options;
use super::case::Setup;
use super::limits::Judged;

const INTRODUCTION: &str = "# Thousands of workers, simulated

The engine's own scheduler against a virtual Lambda, in virtual time: one stage of so many tasks, each reading so many MiB of table data on an
environment of 1,769 MB (one vCPU). Made by `arachne-bench simulate`; every number of the virtual world (AWS's rules of scaling, S3's latency, the burst of
an environment's network, calls a second) is in `simulation.json`, with its sources in `bench/src/simulation/conditions.rs`. Nothing here was
measured on AWS.

*ideal*: with every limit lifted. *90 %*: when nine tenths of the tasks had committed. *what limits it*: the one limit whose lifting, alone, shortens the
run most, and by how much. *polls/s*: GETs of the cancel object at the peak (S3 takes 5,500 a second for one prefix).
";

pub(super) fn markdown(options: &Options, judged: &[Judged]) -> String {
    let mut text = format!("{INTRODUCTION}\nSeeds {} to {}; ", options.seed, options.seed + options.runs - 1);
    text.push_str("the one with the median makespan is shown.\n");
    for setup in Setup::ALL {
        let of_setup: Vec<&Judged> = judged.iter().filter(|judged| judged.case.setup == setup).collect();
        let _ = write!(text, "\n## {}\n\n{}\n", setup.title(), table(&of_setup));
    }
    text
}

fn table(judged: &[&Judged]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "tasks",
        "MiB",
        "makespan s",
        "90 % s",
        "ideal s",
        "dollars",
        "$/TB",
        "cold",
        "429",
        "retries",
        "second",
        "relays",
        "peak",
        "polls/s",
        "scheduler ms",
        "what limits it",
    ]);
    for one in judged {
        let figures = &one.figures;
        let terabytes = f64::from(one.case.tasks) * one.case.bytes as f64 / 1e12;
        table.add_row([
            one.case.tasks.to_string(),
            (one.case.bytes / (1024 * 1024)).to_string(),
            seconds(figures.makespan),
            seconds(figures.nine_tenths),
            seconds(one.ideal),
            format!("{:.4}", one.dollars),
            format!("{:.2}", one.dollars / terabytes),
            figures.cold_starts.to_string(),
            figures.refusals.to_string(),
            figures.retries.to_string(),
            figures.speculated.to_string(),
            figures.relays.to_string(),
            figures.peak.to_string(),
            (figures.peak * 2).to_string(),
            format!("{:.0}", one.scheduler.as_secs_f64() * 1000.0),
            one.verdict.clone(),
        ]);
    }
    for column in table.column_iter_mut().take(15) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

/// Writes `simulation.md` and `simulation.json`.
pub(super) fn write(options: &Options, judged: &[Judged]) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(&options.results)?;
    let conditions: Vec<_> =
        Setup::ALL.into_iter().map(|setup| json!({"setup": setup, "conditions": setup.conditions()})).collect();
    let results = json!({"seed": options.seed, "runs": options.runs, "setups": conditions, "cases": judged});
    let files = [options.results.join("simulation.md"), options.results.join("simulation.json")];
    std::fs::write(&files[0], markdown(options, judged))?;
    std::fs::write(&files[1], serde_json::to_vec_pretty(&results)?)?;
    Ok(files.to_vec())
}
