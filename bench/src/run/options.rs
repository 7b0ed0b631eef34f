//! What `arachne-bench run` is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::job::Format;
use super::suite::Suite;

#[derive(Debug, Clone, Args)]
pub(crate) struct RunOptions {
    /// Tables and queries
    #[arg(long, value_enum, default_value_t = Suite::Tpch)]
    pub(crate) suite: Suite,
    /// TPC's scale factor, or the share of a suite's usual rows
    #[arg(long, default_value = "1")]
    pub(crate) scale: String,
    /// How the tables' files are written; text for TPC-H only
    #[arg(long, value_enum, default_value_t = Format::Parquet)]
    pub(crate) format: Format,
    /// Names of programs in bench/peers, `all` or `none`
    #[arg(long, value_delimiter = ',', default_value = "all")]
    pub(crate) peers: Vec<String>,
    /// Arachne's own: embedded, lambda, cluster, `all` or `none`
    #[arg(long, value_delimiter = ',', default_value = "all")]
    pub(crate) ours: Vec<String>,
    /// How S3 behaves
    #[arg(long, value_enum, default_value_t = Shape::Shaped)]
    pub(crate) s3: Shape,
    /// Only these: q01,q06
    #[arg(long, value_delimiter = ',')]
    pub(crate) queries: Vec<String>,
    /// Runs in the same process after the first one
    #[arg(long, default_value_t = 2)]
    pub(crate) runs: usize,
    /// Whole processes of each engine and query
    #[arg(long, default_value_t = 1)]
    pub(crate) repeat: usize,
    /// Measure again what the last start has measured
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Measure again what has failed
    #[arg(long)]
    pub(crate) retry_failed: bool,
    /// What one run of a query may take, in seconds
    #[arg(long, default_value_t = 300)]
    pub(crate) timeout: u64,
    /// Where results go
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The query whose requests in flight are plotted [default: the one with the most bytes read]
    #[arg(long)]
    pub(crate) plot_query: Option<String>,
}

/// How the local S3 behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// As fast as this machine goes.
    Plain,
    /// With S3's time to the first byte, bandwidth of a connection and limit of requests.
    Shaped,
}

impl Shape {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Shaped => "shaped",
        }
    }
}

impl RunOptions {
    /// The name of the results' files; one for some of the queries does not take the place of one for all.
    pub(crate) fn name(&self) -> String {
        let mut name = self.suite.name().to_owned();
        if self.scale != "1" {
            name.push_str(&format!("-{}", self.scale));
        }
        name.push_str(&format!("-{}-{}", self.format.name(), self.s3.name()));
        if !self.queries.is_empty() {
            name.push_str("-some");
        }
        name
    }
}
