//! The coordinator's own work for very many tasks: plan, cut, specialise, encode, send. Workers answer at once and with nothing.

use std::time::Instant;

use anyhow::{Result, ensure};
use arachne_engine::query::{QueryRequest, QueryStats};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use crate::local_lake::LocalLake;
use crate::output::say;
use crate::processes::Usage;
use crate::stage;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Tasks of the stage that reads the table
    #[arg(long, default_value_t = 1_000)]
    tasks: usize,
    /// Files of the table
    #[arg(long, default_value_t = 4_000)]
    files: usize,
    /// Measured runs of each query, after one that is not
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let lake = LocalLake::set_up()?;
    let url = lake.put_files("lineitem", options.files, 0)?;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["query", "tasks", "CPU s, median", "CPU s, most", "planning ms", "total ms", "bytes a request"]);
    let queries = [
        ("one stage", format!("SELECT l_returnflag, sum(l_quantity) FROM '{url}' GROUP BY l_returnflag"), "1000000"),
        ("two stages", format!("SELECT l_orderkey, sum(l_quantity) FROM '{url}' GROUP BY l_orderkey"), "0"),
    ];
    for (name, sql, merge_groups) in queries {
        let mut cpu = Vec::new();
        let (mut last, mut sent) = (QueryStats::default(), (0, 0));
        for round in 0..=options.runs {
            let mut request = QueryRequest::new(&sql);
            let settings = [
                ("arachne.compute", "lambda".to_owned()),
                ("arachne.exchange", lake.exchange()),
                ("arachne.local_bytes", "0".to_owned()),
                ("arachne.max_workers", options.tasks.to_string()),
                ("arachne.max_in_flight", options.tasks.to_string()),
                ("arachne.tasks_per_stage", options.tasks.to_string()),
                ("arachne.merge_groups", merge_groups.to_owned()),
            ];
            request.settings.extend(settings.map(|(name, value)| (name.to_owned(), value)));
            lake.invoker.take();
            let (usage, started) = (Usage::watch()?, Instant::now());
            last = stage::run(&lake.service, request).await?;
            let (used, elapsed) = (usage.cpu()?, started.elapsed());
            sent = lake.invoker.take();
            ensure!(last.distributed, "the query ran elsewhere: {}", last.placement);
            if round > 0 {
                cpu.push((used, elapsed));
            }
        }
        cpu.sort();
        let (median, most) = (cpu[cpu.len() / 2], cpu[cpu.len() - 1]);
        table.add_row([
            name.to_owned(),
            last.tasks.to_string(),
            format!("{:.2}", median.0.as_secs_f64()),
            format!("{:.2}", most.0.as_secs_f64()),
            last.planning.as_millis().to_string(),
            median.1.as_millis().to_string(),
            (sent.1 / sent.0.max(1)).to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    say(format_args!(
        "a table of {} files, {} tasks a stage; CPU is this process's, user and system\n",
        options.files, options.tasks
    ))?;
    say(&table)?;
    Ok(())
}
