//! `arachne serve`, and clients that post SQL to it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use arachne_sandbox::s3::S3Server;
use tokio::task::JoinSet;

use super::data::COLUMNS;
use super::measured::Line;
use super::{Options, queries};
use crate::doors::Server;
use crate::local_cloud::BUCKET;

/// A server with the table in its catalog.
pub(super) struct Ours {
    server: Server,
    _dir: tempfile::TempDir,
}

impl Ours {
    pub(super) async fn start(s3: &S3Server) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let server = Server::start_with(dir.path(), &s3.environment()).await?;
        let ours = Self { server, _dir: dir };
        let client = reqwest::Client::new();
        let create = format!(
            "CREATE EXTERNAL TABLE logs ({COLUMNS}) PARTITIONED BY (day date) STORED AS PARQUET LOCATION 's3://{BUCKET}/logs/'"
        );
        for statement in [create.as_str(), "MSCK REPAIR TABLE logs"] {
            ours.ask(&client, statement).await?;
        }
        Ok(ours)
    }

    /// The answer as CSV.
    pub(super) async fn ask(&self, client: &reqwest::Client, sql: &str) -> Result<String> {
        ask(client, &self.server.url("/v1/sql"), sql).await
    }
}

async fn ask(client: &reqwest::Client, url: &str, sql: &str) -> Result<String> {
    let response = client.post(url).header("accept", "text/csv").body(sql.to_owned()).send().await?;
    let (status, text) = (response.status(), response.text().await?);
    ensure!(status.is_success(), "{sql}: {status}: {text}");
    Ok(text)
}

pub(super) async fn measure(s3: &S3Server, shape: &'static str, clients: usize, options: &Options) -> Result<Line> {
    let ours = Ours::start(s3).await?;
    s3.request_log().clear();
    let begin = Instant::now() + options.warm_up();
    let mut all = JoinSet::new();
    for client in 0..clients {
        let url = ours.server.url("/v1/sql");
        all.spawn(ask_until_the_end(url, queries::of_client(client, options), begin, options.time()));
    }
    let mut times = Vec::new();
    while let Some(client) = all.join_next().await {
        times.extend(client??);
    }
    let requests = s3.request_log().snapshot().len();
    Ok(Line::new("arachne", shape, clients, times, options.time(), requests))
}

/// One question after the other on a connection of its own. What ends within the time counts.
async fn ask_until_the_end(url: String, queries: Vec<String>, begin: Instant, time: Duration) -> Result<Vec<Duration>> {
    let client = reqwest::Client::new();
    let mut times = Vec::new();
    for query in queries.iter().cycle() {
        let started = Instant::now();
        ask(&client, &url, query).await?;
        let ended = Instant::now();
        if ended >= begin + time {
            break;
        }
        if started >= begin {
            times.push(ended - started);
        }
    }
    Ok(times)
}
