//! Everything that came out of a run, as the file of results has it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::job::Format;
use super::machine::Machine;
use super::options::Shape;
use super::state::{Outcome, Record};
use super::suite::Suite;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) suite: Suite,
    pub(crate) scale: String,
    pub(crate) format: Format,
    pub(crate) s3: Shape,
    /// When the last of it was measured, in UTC.
    pub(crate) date: String,
    /// When the first of it was.
    pub(crate) begun: String,
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    /// In the suite's order.
    pub(crate) queries: Vec<String>,
    pub(crate) engines: Vec<EngineVersion>,
    /// Its cold runs' requests over time are kept point by point, those of the others' first process in few.
    pub(crate) plot_query: Option<String>,
    pub(crate) records: Vec<Record>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Runs in the same process after the first one.
    pub(crate) hot_runs: usize,
    /// Processes of each engine and query.
    pub(crate) repeat: usize,
    pub(crate) timeout_seconds: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct EngineVersion {
    pub(crate) name: String,
    /// Unknown for one that has failed at everything.
    pub(crate) version: Option<String>,
}

impl Results {
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is not a file of results", path.display()))
    }

    /// A line for each record, so that a diff shows what changed.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let head = serde_json::to_string_pretty(&Self { records: Vec::new(), ..self.clone() })?;
        let records = self.records.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
        let head = head.strip_suffix("\"records\": []\n}").context("the records come last")?;
        let text = format!("{head}\"records\": [\n{}\n]}}\n", records.join(",\n"));
        Ok(fs::write(path, text)?)
    }

    /// What there is of one engine and query, in the order of the processes.
    pub(crate) fn of<'a>(&'a self, engine: &'a str, query: &'a str) -> impl Iterator<Item = &'a Record> {
        self.records.iter().filter(move |record| record.engine == engine && record.query == query)
    }

    /// Forgets most of the requests over time, but for the cold runs of [`Self::plot_query`].
    pub(crate) fn thin_out(&mut self) {
        for record in &mut self.records {
            let Outcome::Measured(measured) = &mut record.outcome else { continue };
            if record.repeat > 0 {
                measured.cold.s3 = measured.cold.s3.without_timeline();
            } else if self.plot_query.as_deref() != Some(&record.query) {
                measured.cold.s3 = measured.cold.s3.with_short_timeline();
            }
            for run in &mut measured.hot {
                run.s3 = run.s3.without_timeline();
            }
        }
    }
}
