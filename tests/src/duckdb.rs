//! The independent engine: DuckDB's answers over the same files.

mod session;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::answer::Answer;
use crate::venv::Venv;

pub use session::DuckDbSession;

const SCRIPT: &str = include_str!("duckdb_answers.py");

/// A database in memory that each call makes anew: extensions, then statements, then the queries.
#[derive(Debug, Clone, Default)]
pub struct DuckDb {
    extensions: Vec<String>,
    setup: Vec<String>,
}

impl DuckDb {
    pub fn new() -> Self {
        Self::default()
    }

    /// A view over all Parquet files of one folder.
    pub fn parquet(self, name: &str, dir: &Path) -> Self {
        self.view(name, &format!("read_parquet('{}/*.parquet')", dir.display()))
    }

    /// A view over any other way to read files, such as `read_csv('…')`.
    pub fn view(mut self, name: &str, from: &str) -> Self {
        self.setup.push(format!("CREATE VIEW {name} AS SELECT * FROM {from}"));
        self
    }

    /// Tables filled by DuckDB's own TPC-H generator.
    pub fn dbgen(mut self, scale: &str) -> Self {
        self.extensions.push("tpch".into());
        self.setup.push(format!("CALL dbgen(sf = {scale})"));
        self
    }

    /// Tables filled by DuckDB's own TPC-DS generator.
    pub fn dsdgen(mut self, scale: &str) -> Self {
        self = self.extension("tpcds");
        self.statement(format!("CALL dsdgen(sf = {scale})"))
    }

    /// An extension that comes with the environment.
    pub fn extension(mut self, name: &str) -> Self {
        self.extensions.push(name.into());
        self
    }

    /// Any statement, before the queries.
    pub fn statement(mut self, sql: impl Into<String>) -> Self {
        self.setup.push(sql.into());
        self
    }

    /// Runs what was set up, without a query.
    pub fn perform(&self) -> Result<()> {
        self.run(&[]).map(drop)
    }

    /// The statements that make its tables.
    pub fn setup(&self) -> &[String] {
        &self.setup
    }

    /// Answers the queries in order; the first one that fails is the error.
    pub fn answers(&self, queries: &[&str]) -> Result<Vec<Answer>> {
        parse(&self.run(queries)?)
    }

    pub fn answer(&self, query: &str) -> Result<Answer> {
        self.answers(&[query])?.pop().context("one answer")
    }

    /// As [`Self::answers`], but kept as a file in `cache`, which must not outlive the data.
    pub fn kept_answers(&self, cache: &Path, queries: &[&str]) -> Result<Vec<Answer>> {
        let file = cache.join(format!("{:016x}.jsonl", fingerprint(&(&self.extensions, &self.setup, queries, SCRIPT))));
        let _lock = crate::kept::lock(&file.with_extension("lock"))?;
        if let Ok(kept) = std::fs::read_to_string(&file) {
            return parse(&kept);
        }
        let printed = self.run(queries)?;
        let answers = parse(&printed)?;
        std::fs::write(&file, printed)?;
        Ok(answers)
    }

    fn run(&self, queries: &[&str]) -> Result<String> {
        let request =
            serde_json::json!({ "extensions": self.extensions, "setup": self.setup, "queries": queries }).to_string();
        let mut child = Venv::duckdb()
            .command("python")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("its standard input")?.write_all(request.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "DuckDB failed: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn parse(printed: &str) -> Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for line in printed.lines() {
        let json: serde_json::Value = serde_json::from_str(line)?;
        if let Some(error) = json.get("error") {
            bail!("DuckDB refused a query: {error}");
        }
        answers.push(Answer::from_json(json)?);
    }
    Ok(answers)
}

fn fingerprint(what: &impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
