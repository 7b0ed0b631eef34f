//! What `arachne sql` takes.

use std::path::PathBuf;

use arachne_server::settings::{Override, Sources};
use clap::{Args, ValueEnum};

use crate::format::Format;
use crate::remote::RemoteOptions;

#[derive(Debug, Args)]
#[command(after_help = "\
Results go to standard output, progress and the bill to standard error.
Exit status: 0 done, 1 a query failed, 2 bad usage, 130 interrupted.

Examples:
  arachne sql -c \"SELECT count(*) FROM 's3://bucket/events/'\"
  arachne sql -f report.sql --format csv > report.csv
  echo 'SHOW TABLES' | arachne sql
  arachne sql --compute lambda                      (REPL)
  arachne sql --url http://127.0.0.1:8642           (REPL, of a server)")]
pub(crate) struct SqlOptions {
    /// Run these statements (several are separated by `;`)
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    pub(crate) command: Option<String>,

    /// Run the statements of a file (`-` is standard input)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// How results are written [default: table on a terminal, else csv]
    #[arg(long, value_enum, hide_possible_values = false)]
    pub(crate) format: Option<Format>,

    /// Show at most so many rows of a table (0: all) [default: 1000 in the REPL, else all]
    #[arg(long, value_name = "N")]
    pub(crate) max_rows: Option<usize>,

    /// The database that unqualified table names belong to
    #[arg(long, short, value_name = "DATABASE", default_value = "default")]
    pub(crate) database: String,

    /// A setting for these queries, as `SET name = value` does
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) set: Vec<(String, String)>,

    /// Say nothing on standard error but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) settings: SettingsOptions,

    #[command(flatten)]
    pub(crate) remote: RemoteOptions,
}

/// Flags that override settings; every command that runs queries has them.
#[derive(Debug, Args)]
pub(crate) struct SettingsOptions {
    /// Settings file [default: arachne/config.toml in the user's configuration folder, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// What runs the tasks of a query
    #[arg(long, value_enum)]
    pub(crate) compute: Option<ComputeChoice>,

    /// Tasks of one stage at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_workers: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ComputeChoice {
    /// This process
    Embedded,
    /// One AWS Lambda invocation a task
    Lambda,
    /// Workers on machines of your own
    Cluster,
}

impl SettingsOptions {
    /// The layers, these flags on top.
    pub(crate) fn sources(&self) -> Sources {
        let compute = self.compute.and_then(|choice| choice.to_possible_value());
        let compute = compute.map(|value| flag("compute.mode", "--compute", value.get_name()));
        let max_workers =
            self.max_workers.map(|number| flag("compute.max_workers", "--max-workers", &number.to_string()));
        Sources::of_process(self.config.clone(), compute.into_iter().chain(max_workers).collect())
    }
}

fn flag(key: &str, flag: &str, value: &str) -> Override {
    Override { key: key.into(), value: value.into(), flag: flag.into() }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
