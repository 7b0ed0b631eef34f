//! DuckDB kept open, for questions that come one by one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use anyhow::{Context, Result, ensure};

use super::SCRIPT;
use crate::answer::Answer;
use crate::venv::Venv;

/// A database in memory. It ends when this is dropped.
pub struct DuckDbSession {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl DuckDbSession {
    pub fn start() -> Result<Self> {
        let mut process = Venv::duckdb()
            .command("python")
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().context("its standard input")?;
        let output = BufReader::new(process.stdout.take().context("its standard output")?);
        Ok(Self { process, input, output })
    }

    /// Runs one statement. What DuckDB refuses is the inner error, its message.
    pub fn ask(&mut self, sql: &str) -> Result<Result<Answer, String>> {
        writeln!(self.input, "{}", serde_json::json!({ "queries": [sql] }))?;
        self.input.flush()?;
        let mut line = String::new();
        ensure!(self.output.read_line(&mut line)? > 0, "DuckDB ended while it was asked: {sql}");
        let json: serde_json::Value = serde_json::from_str(&line)?;
        match json.get("error").and_then(|error| error.as_str()) {
            Some(error) => Ok(Err(error.to_owned())),
            None => Answer::from_json(json).map(Ok),
        }
    }
}

impl Drop for DuckDbSession {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
