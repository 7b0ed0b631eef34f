//! DuckDB in one Python process, a thread and a connection for each client.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arachne_sandbox::s3::S3Server;
use arachne_tests::venv::Venv;
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use super::measured::Line;
use super::{Options, queries};
use crate::local_cloud::BUCKET;

const PROGRAM: &str = include_str!("duckdb_clients.py");

/// What the program prints.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Printed {
    /// Seconds of each query that counts.
    times: Vec<f64>,
    /// CSV, where answers were asked for.
    answers: Vec<String>,
}

pub(super) async fn measure(
    s3: &S3Server,
    dir: &Path,
    shape: &'static str,
    clients: usize,
    options: &Options,
) -> Result<Line> {
    let queries: Vec<Vec<String>> = (0..clients).map(|client| queries::of_client(client, options)).collect();
    s3.request_log().clear();
    let job = json!({"clients": queries, "seconds": options.seconds, "warm_up": options.warm_up});
    let printed = run(s3, dir, job).await?;
    let times = printed.times.into_iter().map(Duration::from_secs_f64).collect();
    let requests = s3.request_log().snapshot().len();
    Ok(Line::new("duckdb", shape, clients, times, options.time(), requests))
}

/// One answer each, as CSV.
pub(super) async fn answers(s3: &S3Server, dir: &Path, queries: &[String]) -> Result<Vec<String>> {
    Ok(run(s3, dir, json!({"answer": queries})).await?.answers)
}

async fn run(s3: &S3Server, dir: &Path, mut job: serde_json::Value) -> Result<Printed> {
    let settings = s3.settings();
    job["s3"] = json!({
        "endpoint": s3.url(), "access_key": settings.access_key, "secret_key": settings.secret_key, "region": settings.region,
    });
    job["files"] = format!("s3://{BUCKET}/logs/*/*.parquet").into();
    let (program, job_file) = (dir.join("duckdb_clients.py"), dir.join("duckdb_clients.json"));
    std::fs::write(&program, PROGRAM)?;
    std::fs::write(&job_file, serde_json::to_vec(&job)?)?;
    let python = tokio::task::spawn_blocking(python).await??;
    let output = Command::new(python)
        .args([&program, &job_file])
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("starting DuckDB")?;
    ensure!(output.status.success(), "DuckDB failed: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// That of the peer `duckdb`.
fn python() -> Result<PathBuf> {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/duckdb.txt");
    Ok(Venv::of_requirements("bench-duckdb", &requirements)?.program("python"))
}
