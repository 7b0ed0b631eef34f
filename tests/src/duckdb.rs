//! The independent engine: DuckDB's answers over the same files.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::answer::Answer;
use crate::venv::Venv;

const SCRIPT: &str = include_str!("duckdb_answers.py");

/// A table: its name, and DuckDB's query that reads it.
#[derive(Debug, Clone)]
pub struct View {
    pub name: String,
    pub query: String,
}

impl View {
    /// All Parquet files of one folder.
    pub fn parquet(name: &str, dir: &Path) -> Self {
        Self { name: name.into(), query: format!("SELECT * FROM read_parquet('{}/*.parquet')", dir.display()) }
    }

    /// Any other way to read files, such as `read_csv('…')`.
    pub fn of(name: &str, from: &str) -> Self {
        Self { name: name.into(), query: format!("SELECT * FROM {from}") }
    }
}

/// Answers the queries in order; the first one that fails is the error.
pub fn answers(views: &[View], queries: &[&str]) -> Result<Vec<Answer>> {
    parse(&run(views, queries)?)
}

pub fn answer(views: &[View], query: &str) -> Result<Answer> {
    answers(views, &[query])?.pop().context("one answer")
}

/// As [`answers`], but each is kept as a file in `cache`, which must not outlive the data.
pub fn kept_answers(cache: &Path, views: &[View], queries: &[&str]) -> Result<Vec<Answer>> {
    let key = fingerprint(&(views.iter().map(|view| &view.query).collect::<Vec<_>>(), queries, SCRIPT));
    let file = cache.join(format!("{key:016x}.jsonl"));
    let _lock = crate::kept::lock(&file.with_extension("lock"))?;
    if let Ok(kept) = std::fs::read_to_string(&file) {
        return parse(&kept);
    }
    let printed = run(views, queries)?;
    let answers = parse(&printed)?;
    std::fs::write(&file, printed)?;
    Ok(answers)
}

fn run(views: &[View], queries: &[&str]) -> Result<String> {
    let views: Vec<_> = views.iter().map(|view| [&view.name, &view.query]).collect();
    let request = serde_json::json!({ "views": views, "queries": queries }).to_string();
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
