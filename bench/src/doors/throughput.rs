//! A large result, as fast as it comes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use arrow_flight::Ticket;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{ProstMessageExt, TicketStatementQuery};
use comfy_table::{CellAlignment, Table, presets};
use prost::Message;
use serde::Serialize;
use tokio::process::Command;
use tonic::transport::Channel;

use super::Options;
use super::reading::{do_get, post, read, ticket};
use super::server::{Server, connect, free_address};
use crate::local_cloud::BUCKET;

#[derive(Debug, Serialize)]
pub(super) struct Line {
    way: &'static str,
    seconds: f64,
    rows_per_second: f64,
    bytes_per_second: f64,
    /// Against raw Flight.
    ratio: f64,
}

/// The three ways in turn, run by run, so that a machine that is busy for a while is so for all of them.
pub(super) async fn run(server: &Server, file: &Path, options: &Options) -> Result<Vec<Line>> {
    let address = free_address()?;
    let _raw = Command::new(std::env::current_exe()?)
        .arg("raw-flight")
        .arg(address.to_string())
        .arg(file)
        .kill_on_drop(true)
        .spawn()?;
    let mut raw = patiently(address).await?;
    let mut flight = server.flight().await?;
    let http = reqwest::Client::new();
    let sql = format!("SELECT * FROM 's3://{BUCKET}/rows/'");

    let mut times: [Vec<Duration>; 3] = Default::default();
    // Those of the Arrow stream stand for all ways: batches in memory share buffers, which would count more than once.
    let mut bytes = 0;
    for run in 0..=options.runs {
        let started = Instant::now();
        let received = do_get(&mut raw, any_ticket()).await?;
        ensure!(received.rows == options.rows, "raw Flight sent {} rows", received.rows);
        let from_memory = started.elapsed();

        let started = Instant::now();
        let info = flight.execute(sql.clone(), None).await?;
        let received = do_get(&mut flight, ticket(info).await?).await?;
        ensure!(received.rows == options.rows, "Flight SQL sent {} rows", received.rows);
        let through_flight = started.elapsed();

        let started = Instant::now();
        let response = post(&http, &server.url("/v1/sql"), &sql).await?;
        let received = read(response).await?;
        ensure!(received.bytes > 16 * options.rows as u64, "HTTP sent {} bytes", received.bytes);
        bytes = received.bytes;
        let through_http = started.elapsed();

        // The first run is for warming up.
        if run > 0 {
            for (times, time) in times.iter_mut().zip([from_memory, through_flight, through_http]) {
                times.push(time);
            }
        }
    }
    let mut lines = Vec::new();
    for (way, times) in ["raw Flight from memory", "Flight SQL, DoGet", "POST /v1/sql, Arrow"].into_iter().zip(times) {
        let seconds = median(times).context("a run")?.as_secs_f64();
        let first = lines.first().map_or(seconds, |line: &Line| line.seconds);
        lines.push(Line {
            way,
            seconds,
            rows_per_second: options.rows as f64 / seconds,
            bytes_per_second: bytes as f64 / seconds,
            ratio: first / seconds,
        });
    }
    Ok(lines)
}

async fn patiently(address: std::net::SocketAddr) -> Result<FlightSqlServiceClient<Channel>> {
    for _ in 0..200 {
        if let Ok(client) = connect(address).await {
            return Ok(client);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    connect(address).await
}

fn any_ticket() -> Ticket {
    let statement = TicketStatementQuery { statement_handle: Default::default() };
    Ticket { ticket: statement.as_any().encode_to_vec().into() }
}

fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort();
    times.get(times.len() / 2).copied()
}

pub(super) fn table(rows: usize, lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        format!("{rows} rows through"),
        "seconds".into(),
        "million rows/s".into(),
        "MB/s".into(),
        "of raw".into(),
    ]);
    for line in lines {
        table.add_row([
            line.way.to_owned(),
            format!("{:.2}", line.seconds),
            format!("{:.2}", line.rows_per_second / 1e6),
            format!("{:.0}", line.bytes_per_second / 1e6),
            format!("{:.2}", line.ratio),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
