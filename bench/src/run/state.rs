//! What is measured already, a line for each process, appended at once: a run that was stopped goes on where it was.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::profile::Profile;

/// One process: an engine, a query, the how-manieth time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) engine: String,
    pub(crate) query: String,
    pub(crate) repeat: usize,
    /// Of the data, the settings and the engine's program.
    pub(crate) fingerprint: String,
    /// When it ended, in milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Measured(Box<Measured>),
    /// In words for a table.
    Failed(String),
}

/// A right answer, and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) version: String,
    /// From the start of the process until it was ready, in seconds.
    pub(crate) ready: f64,
    /// From the start of the process to the end of the first run.
    pub(crate) to_answer: f64,
    /// CPU seconds until it was ready.
    pub(crate) start_cpu: f64,
    pub(crate) cold: Run,
    pub(crate) hot: Vec<Run>,
    /// Bytes.
    pub(crate) peak_memory: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    pub(crate) rows: u64,
    pub(crate) cpu: f64,
    /// What the engine itself says it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dollars: Option<f64>,
    pub(crate) s3: Profile,
}

#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    records: Vec<Record>,
}

impl State {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            other => other.with_context(|| path.display().to_string())?,
        };
        // A line that was cut when the bench was killed, or of an older bench, is as if it had not been measured.
        if !text.is_empty() && !text.ends_with('\n') {
            OpenOptions::new().append(true).open(path)?.write_all(b"\n")?;
        }
        let records = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Self { path: path.to_owned(), records })
    }

    /// The last one of this kind.
    pub(crate) fn find(&self, engine: &str, query: &str, repeat: usize, fingerprint: &str) -> Option<&Record> {
        self.records.iter().rev().find(|record| {
            (record.engine.as_str(), record.query.as_str(), record.repeat, record.fingerprint.as_str())
                == (engine, query, repeat, fingerprint)
        })
    }

    pub(crate) fn append(&mut self, record: Record) -> Result<()> {
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        let mut file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        file.write_all(&line)?;
        self.records.push(record);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(query: &str, fingerprint: &str, at: i64) -> Record {
        Record {
            engine: "duckdb".into(),
            query: query.into(),
            repeat: 0,
            fingerprint: fingerprint.into(),
            at,
            outcome: Outcome::Failed("no".into()),
        }
    }

    #[test]
    fn what_was_measured_is_found_again_by_the_next_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.jsonl");
        let mut state = State::open(&path).unwrap();
        state.append(record("q01", "a", 1)).unwrap();
        state.append(record("q02", "a", 2)).unwrap();
        state.append(record("q01", "a", 3)).unwrap();
        let state = State::open(&path).unwrap();
        assert_eq!(state.find("duckdb", "q01", 0, "a").unwrap().at, 3, "the last one counts");
        assert_eq!(state.find("duckdb", "q01", 0, "b"), None, "another program or other data");
        assert_eq!(state.find("duckdb", "q01", 1, "a"), None);
        assert_eq!(state.find("polars", "q01", 0, "a"), None);
    }

    #[test]
    fn a_line_that_was_cut_is_measured_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.jsonl");
        State::open(&path).unwrap().append(record("q01", "a", 1)).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{}", &whole[..whole.len() / 2])).unwrap();
        let mut state = State::open(&path).unwrap();
        assert_eq!(state.records.len(), 1);
        state.append(record("q02", "a", 2)).unwrap();
        assert!(State::open(&path).unwrap().find("duckdb", "q02", 0, "a").is_some(), "the next line is whole");
    }
}
