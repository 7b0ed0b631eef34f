//! The server's memory while a client takes its time over a result that is larger than memory.

use std::time::{Duration, Instant};

use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

use super::Options;
use super::reading::{post, ticket};
use super::server::Server;

const BYTES_PER_ROW: u64 = 1000;

#[derive(Debug, Serialize)]
pub(super) struct Line {
    way: &'static str,
    bytes: u64,
    seconds: f64,
    /// Resident bytes of the server.
    before: u64,
    /// The most while the first tenth was read, and the most after that: flat if they are about the same.
    early: u64,
    late: u64,
}

pub(super) async fn run(server: &Server, options: &Options) -> Result<Vec<Line>> {
    let rows = options.slow_bytes / BYTES_PER_ROW;
    let sql = format!("SELECT value, repeat('x', {}) AS text FROM generate_series(1, {rows})", BYTES_PER_ROW - 8);

    let mut watch = Watch::begin("POST /v1/sql, Arrow", server, options)?;
    let client = reqwest::Client::new();
    let mut body = post(&client, &server.url("/v1/sql"), &sql).await?.bytes_stream();
    while let Some(bytes) = body.next().await {
        watch.took(bytes?.len() as u64).await?;
    }
    let http = watch.end();

    let mut watch = Watch::begin("Flight SQL, DoGet", server, options)?;
    let mut client = server.flight().await?;
    let info = client.execute(sql, None).await?;
    let mut batches = client.do_get(ticket(info).await?).await?;
    while let Some(batch) = batches.try_next().await? {
        watch.took(batch.get_array_memory_size() as u64).await?;
    }
    Ok(vec![http, watch.end()])
}

/// Slows the client down, and looks at the server.
struct Watch<'a> {
    server: &'a Server,
    options: &'a Options,
    started: Instant,
    looked: Instant,
    line: Line,
}

impl<'a> Watch<'a> {
    fn begin(way: &'static str, server: &'a Server, options: &'a Options) -> Result<Self> {
        let line = Line { way, bytes: 0, seconds: 0.0, before: server.memory()?, early: 0, late: 0 };
        Ok(Self { server, options, started: Instant::now(), looked: Instant::now(), line })
    }

    async fn took(&mut self, bytes: u64) -> Result<()> {
        self.line.bytes += bytes;
        if self.looked.elapsed() > Duration::from_millis(50) {
            self.looked = Instant::now();
            let memory = self.server.memory()?;
            let is_early = self.line.bytes < self.options.slow_bytes / 10;
            let most = if is_early { &mut self.line.early } else { &mut self.line.late };
            *most = memory.max(*most);
        }
        let due = Duration::from_secs_f64(self.line.bytes as f64 / self.options.slow_rate as f64);
        tokio::time::sleep(due.saturating_sub(self.started.elapsed())).await;
        Ok(())
    }

    fn end(mut self) -> Line {
        self.line.seconds = self.started.elapsed().as_secs_f64();
        self.line
    }
}

pub(super) fn table(options: &Options, lines: &[Line]) -> Table {
    let mib = |bytes: u64| format!("{:.0}", bytes as f64 / (1024.0 * 1024.0));
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        format!("a client that reads {} MB/s through", options.slow_rate / 1_000_000),
        "GB".into(),
        "seconds".into(),
        "server before, MiB".into(),
        "first tenth, MiB".into(),
        "the rest, MiB".into(),
    ]);
    for line in lines {
        table.add_row([
            line.way.to_owned(),
            format!("{:.1}", line.bytes as f64 / 1e9),
            format!("{:.0}", line.seconds),
            mib(line.before),
            mib(line.early),
            mib(line.late),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
