//! Where results are.

use std::path::{Path, PathBuf};

use anyhow::Result;

/// All files of one run, by its name.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    dir: PathBuf,
    name: String,
}

impl Files {
    /// In `dir`, else in `bench/results`.
    pub(crate) fn new(dir: Option<&Path>, name: String) -> Result<Self> {
        let dir = dir.map_or_else(results_dir, Path::to_owned);
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir, name })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn json(&self) -> PathBuf {
        self.with("json")
    }

    pub(crate) fn markdown(&self) -> PathBuf {
        self.with("md")
    }

    /// What is measured already; one for all runs over the same data.
    pub(crate) fn state(&self) -> PathBuf {
        self.dir.join(format!("{}.state.jsonl", self.name.trim_end_matches("-some")))
    }

    /// The name of a plot, which lies beside the others.
    pub(crate) fn plot(&self, what: &str) -> PathBuf {
        self.dir.join(format!("{}-{what}.svg", self.name))
    }

    fn with(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{}.{extension}", self.name))
    }
}

/// `bench/results`.
pub(crate) fn results_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results")
}
