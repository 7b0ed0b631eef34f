//! `SELECT 1`, warm, again and again.

use std::time::{Duration, Instant};

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use tokio::task::JoinSet;

use super::Options;
use super::reading::{do_get, post, read, ticket};
use super::server::Server;
use crate::summary::Summary;

const SQL: &str = "SELECT 1";
/// Not counted.
const WARM_UP: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, Serialize)]
enum Door {
    #[serde(rename = "POST /v1/sql")]
    Http,
    #[serde(rename = "Flight SQL")]
    Flight,
    #[serde(rename = "Flight SQL, prepared")]
    FlightPrepared,
}

impl Door {
    const ALL: [Self; 3] = [Self::Http, Self::Flight, Self::FlightPrepared];

    fn name(self) -> &'static str {
        match self {
            Self::Http => "POST /v1/sql",
            Self::Flight => "Flight SQL",
            Self::FlightPrepared => "Flight SQL, prepared",
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Line {
    door: Door,
    clients: usize,
    queries_per_second: f64,
    latency: Summary,
}

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for door in Door::ALL {
        for clients in &options.clients {
            lines.push(measure(server, door, *clients, Duration::from_secs(options.seconds)).await?);
        }
    }
    Ok(lines)
}

async fn measure(server: &Server, door: Door, clients: usize, time: Duration) -> Result<Line> {
    let begin = Instant::now() + WARM_UP;
    let mut all = JoinSet::new();
    for _ in 0..clients {
        match door {
            Door::Http => all.spawn(over_http(server.url("/v1/sql"), begin, time)),
            Door::Flight => all.spawn(over_flight(server.flight().await?, false, begin, time)),
            Door::FlightPrepared => all.spawn(over_flight(server.flight().await?, true, begin, time)),
        };
    }
    let mut times = Vec::new();
    while let Some(client) = all.join_next().await {
        times.extend(client??);
    }
    let queries_per_second = times.len() as f64 / time.as_secs_f64();
    Ok(Line { door, clients, queries_per_second, latency: Summary::of(times.into_iter()) })
}

async fn over_http(url: String, begin: Instant, time: Duration) -> Result<Vec<Duration>> {
    let client = reqwest::Client::new();
    let mut times = Vec::new();
    while begin.elapsed() < time {
        let started = Instant::now();
        read(post(&client, &url, SQL).await?).await?;
        if started >= begin {
            times.push(started.elapsed());
        }
    }
    Ok(times)
}

async fn over_flight(
    mut client: arrow_flight::sql::client::FlightSqlServiceClient<tonic::transport::Channel>,
    prepared: bool,
    begin: Instant,
    time: Duration,
) -> Result<Vec<Duration>> {
    let mut statement = match prepared {
        true => Some(client.prepare(SQL.to_owned(), None).await?),
        false => None,
    };
    let mut times = Vec::new();
    while begin.elapsed() < time {
        let started = Instant::now();
        let info = match &mut statement {
            Some(statement) => statement.execute().await?,
            None => client.execute(SQL.to_owned(), None).await?,
        };
        do_get(&mut client, ticket(info).await?).await?;
        if started >= begin {
            times.push(started.elapsed());
        }
    }
    Ok(times)
}

pub(super) fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["SELECT 1 through", "clients", "queries/s", "p50 ms", "p99 ms"]);
    for line in lines {
        table.add_row([
            line.door.name().to_owned(),
            line.clients.to_string(),
            format!("{:.0}", line.queries_per_second),
            format!("{:.2}", line.latency.median),
            format!("{:.2}", line.latency.p99),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
