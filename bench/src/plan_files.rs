//! Planning over very many files: time, requests and memory. Nothing is read but footers.

use std::time::Instant;

use anyhow::Result;
use arachne_engine::query::QueryRequest;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use crate::local_lake::LocalLake;
use crate::output::say;
use crate::processes::Usage;
use crate::stage;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Files of a table in one folder
    #[arg(long, default_value_t = 100_000)]
    files: usize,
    /// Files of a table in folders `day=…`
    #[arg(long, default_value_t = 1_000_000)]
    listed: usize,
    /// Files of each such folder
    #[arg(long, default_value_t = 1_000)]
    per_folder: usize,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let lake = LocalLake::set_up()?;
    say(format_args!("writing {} and {} files", options.files, options.listed))?;
    let flat = lake.put_files("flat", options.files, 0)?;
    let folders = lake.put_files("folders", options.listed, options.per_folder)?;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["table", "files", "s", "CPU s", "LIST", "GET", "peak memory above before, MiB", "bytes a file"]);
    let cases = [
        ("one folder", &flat, "", options.files),
        ("folders, one day", &folders, "WHERE day = 7", options.per_folder),
        ("folders, all days", &folders, "", options.listed),
    ];
    for (name, url, filter, files) in cases {
        let sql = format!("EXPLAIN SELECT l_returnflag, sum(l_quantity) FROM '{url}' {filter} GROUP BY l_returnflag");
        let mut request = QueryRequest::new(sql);
        let settings = [
            ("arachne.compute", "lambda".to_owned()),
            ("arachne.exchange", lake.exchange()),
            ("arachne.local_bytes", "0".to_owned()),
        ];
        request.settings.extend(settings.map(|(name, value)| (name.to_owned(), value)));
        let (usage, started) = (Usage::watch()?, Instant::now());
        let stats = stage::run(&lake.service, request).await?;
        let grown = usage.grown()?;
        table.add_row([
            name.to_owned(),
            files.to_string(),
            format!("{:.2}", started.elapsed().as_secs_f64()),
            format!("{:.2}", usage.cpu()?.as_secs_f64()),
            stats.requests.list.to_string(),
            (stats.requests.get + stats.requests.head).to_string(),
            format!("{:.1}", grown as f64 / (1024.0 * 1024.0)),
            (grown / files.max(1) as u64).to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    say("planned and explained, not run; local files, so that a LIST is a folder's and not a page's\n")?;
    say(&table)?;
    Ok(())
}
