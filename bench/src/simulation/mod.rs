//! Thousands of workers in virtual time: the engine's own scheduler, a virtual Lambda with AWS's rules of scaling, virtual S3.
//!
//! Nothing is slept and nothing is sent. The scheduler is the real one ([`arachne_engine::coordinator::Scheduler`]); what its actions
//! lead to is drawn from the distributions in `conditions`, and comes back to it as events. What limits a run is not guessed:
//! the same run is made again with one limit lifted at a time (`limits`).

mod case;
mod conditions;
mod figures;
mod lambda;
mod limits;
mod luck;
mod road;
mod table;
mod task;
mod world;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use arachne_engine::query::PriceBook;
use clap::Args;

use self::case::{Case, Setup};
use self::limits::Judged;
use crate::output::say;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Tasks of the stage that reads the table
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 3_000, 10_000])]
    tasks: Vec<u32>,
    /// MiB of table data that each task reads
    #[arg(long, value_delimiter = ',', default_values_t = [16, 128, 512])]
    mib: Vec<u64>,
    /// Of everything that is drawn: the same seed gives the same numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs of each case, with one seed after the other; the one with the median makespan is told
    #[arg(long, default_value_t = 5)]
    runs: u64,
    /// Where `simulation.md` and `simulation.json` are written
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    results: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.runs > 0 && !options.tasks.is_empty() && !options.mib.is_empty(), "there must be something to run");
    let prices = PriceBook::built_in()?;
    let mut judged = Vec::new();
    for setup in Setup::ALL {
        for tasks in &options.tasks {
            for mib in &options.mib {
                let case = Case { setup, tasks: *tasks, bytes: mib * 1024 * 1024 };
                judged.push(Judged::of(case, options.seed..options.seed + options.runs, &prices));
            }
        }
    }
    say(table::markdown(options, &judged))?;
    for file in table::write(options, &judged)? {
        say(format_args!("written to {}", file.display()))?;
    }
    Ok(())
}
