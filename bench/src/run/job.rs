//! What the bench and an engine's process say to each other.
//!
//! The process gets the path of a job as its argument, then one JSON line for each event goes out, and `go` or `end` comes in:
//! `ready`, then for each `go` a `run`; `saved` once the first run's rows lie in [`Job::result`]; `failed` instead of any of them.

use std::path::{Path, PathBuf};

use anyhow::Result;
use arachne_sandbox::s3::S3Server;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// One query, and where its tables are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) s3: JobS3,
    /// Cores of the machine.
    pub(crate) threads: usize,
    pub(crate) tables: Vec<JobTable>,
    /// In DuckDB's dialect.
    pub(crate) sql: String,
    /// Where the rows of the first run go, as an Arrow IPC file.
    pub(crate) result: PathBuf,
}

impl Job {
    /// For this machine's cores and this S3.
    pub(crate) fn new(s3: &S3Server, tables: Vec<JobTable>, sql: &str, result: &Path) -> Result<Self> {
        let settings = s3.settings();
        Ok(Self {
            s3: JobS3 {
                endpoint: s3.url(),
                access_key: settings.access_key.clone(),
                secret_key: settings.secret_key.clone(),
                region: settings.region.clone(),
            },
            threads: std::thread::available_parallelism()?.get(),
            tables,
            sql: sql.to_owned(),
            result: result.to_owned(),
        })
    }

    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        Ok(std::fs::write(file, serde_json::to_vec_pretty(self)?)?)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobS3 {
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) region: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobTable {
    pub(crate) name: String,
    /// Of the folder, with a slash at its end.
    pub(crate) url: String,
    pub(crate) format: Format,
    /// Names and types in DuckDB's words, those of the files.
    pub(crate) columns: Vec<(String, String)>,
    /// Those that stand in the names of folders: `day=2024-05-01`.
    pub(crate) partitions: Vec<(String, String)>,
}

/// How the files are written. Text has a header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Format {
    #[serde(rename = "parquet")]
    Parquet,
    #[serde(rename = "csv")]
    Csv,
    #[serde(rename = "csv.gz")]
    #[value(name = "csv.gz")]
    CsvGzip,
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::CsvGzip => "csv.gz",
        }
    }
}

/// What an engine's process says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    Ready {
        version: String,
    },
    Run {
        seconds: f64,
        rows: u64,
        /// What the engine itself says the run cost, where it knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dollars: Option<f64>,
    },
    Saved,
    Failed {
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_the_protocol_writes_them() {
        let read = |line: &str| serde_json::from_str::<Event>(line).unwrap();
        assert_eq!(read(r#"{"event": "ready", "version": "1.5.5"}"#), Event::Ready { version: "1.5.5".into() });
        let run = Event::Run { seconds: 1.5, rows: 42, dollars: None };
        assert_eq!(read(r#"{"event": "run", "seconds": 1.5, "rows": 42}"#), run);
        assert_eq!(read(r#"{"event": "saved"}"#), Event::Saved);
        assert!(serde_json::from_str::<Event>(r#"{"event": "paused"}"#).is_err());
    }

    #[test]
    fn a_table_is_written_as_the_protocol_has_it() {
        let table = JobTable {
            name: "t".into(),
            url: "s3://bench/t/".into(),
            format: Format::CsvGzip,
            columns: vec![("a".into(), "bigint".into())],
            partitions: Vec::new(),
        };
        let expected =
            r#"{"name":"t","url":"s3://bench/t/","format":"csv.gz","columns":[["a","bigint"]],"partitions":[]}"#;
        assert_eq!(serde_json::to_string(&table).unwrap(), expected);
    }
}
