//! Tables and queries: how each suite's files are made, and what is asked of them.

mod clickbench;
mod files;
mod logs;
mod tpcds;
mod tpch;

use std::path::Path;

use anyhow::{Result, bail};
use arachne_tests::answer::Slack;
use arachne_tests::duckdb::DuckDb;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::job::Format;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Suite {
    /// 22 queries over 8 tables
    Tpch,
    /// 99 queries over 24 tables
    Tpcds,
    /// 43 queries over one wide table of ClickBench's shape
    #[value(name = "clickbench")]
    ClickBench,
    /// 10,000 objects of about 100 KB
    Files,
    /// 1,000 days of logs, each a folder
    Logs,
}

/// One question, in DuckDB's dialect.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// `q01`.
    pub(crate) name: String,
    pub(crate) sql: String,
    /// By how much a decimal of the answer may be off a float.
    pub(crate) slack: Slack,
}

impl Query {
    fn numbered(number: usize, sql: impl Into<String>) -> Self {
        Self { name: format!("q{number:02}"), sql: sql.into(), slack: Slack::default() }
    }
}

impl Suite {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tpch => "tpch",
            Self::Tpcds => "tpcds",
            Self::ClickBench => "clickbench",
            Self::Files => "files",
            Self::Logs => "logs",
        }
    }

    /// Changes with anything that changes the files.
    pub(super) fn recipe(self, scale: f64, format: Format) -> String {
        let recipe = match self {
            Self::Tpch => tpch::RECIPE.to_owned(),
            Self::Tpcds => tpcds::RECIPE.to_owned(),
            Self::ClickBench => clickbench::recipe(),
            Self::Files => files::RECIPE.to_owned(),
            Self::Logs => logs::recipe(),
        };
        format!("{recipe}, scale {scale}, {}", format.name())
    }

    /// Writes a folder for each table, with nothing but its files in it.
    pub(super) fn write(self, dir: &Path, scale: f64, format: Format) -> Result<()> {
        match (self, format) {
            (Self::Tpch, format) => tpch::write(dir, scale, format),
            (Self::Tpcds, Format::Parquet) => tpcds::write(dir, scale),
            (Self::ClickBench, Format::Parquet) => clickbench::write(dir, scale),
            (Self::Files, Format::Parquet) => files::write(dir, scale),
            (Self::Logs, Format::Parquet) => logs::write(dir, scale),
            (other, format) => bail!("{} comes as parquet only, not as {}", other.name(), format.name()),
        }
    }

    /// `cache` is kept with the data.
    pub(super) fn queries(self, cache: &Path) -> Result<Vec<Query>> {
        match self {
            Self::Tpch => Ok(tpch::queries()),
            Self::Tpcds => tpcds::queries(cache),
            Self::ClickBench => Ok(clickbench::queries()),
            Self::Files => Ok(files::queries()),
            Self::Logs => Ok(logs::queries()),
        }
    }

    /// The columns that stand in the names of folders, with their types.
    pub(super) fn partitions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Logs => &[("day", "date")],
            Self::Tpch | Self::Tpcds | Self::ClickBench | Self::Files => &[],
        }
    }
}

/// Has DuckDB write a table as Parquet files of at least 8 MiB and about 32 at most.
fn copy(db: DuckDb, table: &str, dir: &Path) -> DuckDb {
    db.statement(format!(
        "COPY {table} TO '{}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 245760, FILE_SIZE_BYTES '24MiB')",
        dir.join(table).display()
    ))
}
