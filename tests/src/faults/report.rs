//! Counts, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use serde::Serialize;

use super::verdict::Verdict;
use crate::kept;

/// One query under one case.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    pub case: String,
    pub seed: u64,
    /// `q03`
    pub query: String,
    #[serde(flatten)]
    pub verdict: Verdict,
    pub injected: BTreeMap<String, u64>,
    /// Of the query that came to an end with rows.
    pub retried: Option<u64>,
    pub elapsed_ms: u128,
    /// What was in the exchange when the last worker had ended, before the sweep by age.
    pub late_objects: usize,
    /// What must not be: objects after the sweep, workers that do not end.
    pub left_over: Vec<String>,
}

impl Record {
    pub fn is_allowed(&self) -> bool {
        self.verdict.is_allowed() && self.left_over.is_empty()
    }
}

/// The records of one case.
#[derive(Debug, Default)]
pub struct Report {
    pub records: Vec<Record>,
}

/// One file a process: `<target>/arachne-faults-<pid>.jsonl`.
static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| kept::target_dir().join(format!("arachne-faults-{}.jsonl", std::process::id())));

impl Report {
    /// Keeps a record and appends it to the file of this process.
    pub fn add(&mut self, record: Record) {
        let line = serde_json::to_string(&record).expect("a record is JSON");
        let file: Result<File, _> = OpenOptions::new().create(true).append(true).open(&*FILE);
        file.and_then(|mut file| writeln!(file, "{line}")).expect("the report's file is written");
        self.records.push(record);
    }

    /// How many faults there were.
    pub fn injected(&self) -> u64 {
        self.records.iter().flat_map(|record| record.injected.values()).sum()
    }

    pub fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        self.records.iter().filter(|record| is(&record.verdict)).count()
    }

    /// What should not have happened, one a line; empty if nothing.
    pub fn complaints(&self) -> String {
        let mut text = String::new();
        for record in self.records.iter().filter(|record| !record.is_allowed()) {
            let Record { case, seed, query, verdict, left_over, .. } = record;
            writeln!(text, "{case} seed {seed} {query}: {verdict:?}, left over: {left_over:?}").expect("a string");
        }
        text
    }
}
