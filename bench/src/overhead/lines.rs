//! Where the time goes: *plan* is the coordinator's, from SQL to stages; *worker* is the slowest task of each stage as the worker measures
//! it (decode, read, execute, encode); *lambda* is what the invocations took beyond that (the service, the Runtime API, JSON both ways);
//! *rest* is what is left of the execution (SDK, scheduling, merging, handing out the rows).

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::contender::{Contender, Run};
use crate::summary::Summary;

/// One row of the result.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    statement: &'static str,
    compute: String,
    total: Summary,
    plan: Summary,
    execution: Summary,
    /// Of distributed runs.
    worker: Option<Summary>,
    lambda: Option<Summary>,
    rest: Option<Summary>,
    /// Median above embedded, in milliseconds.
    above_embedded: f64,
    stages: usize,
    s3_gets: u64,
    s3_puts: u64,
    /// Through the exchange.
    bytes_written: u64,
    bytes_read: u64,
}

/// In the order of the contenders.
///
/// # Errors
/// Where one was not measured, or its statement not embedded.
pub(super) fn lines(contenders: &[Contender]) -> Result<Vec<Line>> {
    let line = |contender: &Contender| {
        let name = contender.statement.name;
        let embedded = contenders.iter().find(|other| other.statement.name == name).context("embedded comes first")?;
        line(contender, embedded.summary(|run| run.stats.total).median)
    };
    contenders.iter().map(line).collect()
}

fn line(contender: &Contender, baseline: f64) -> Result<Line> {
    let last = &contender.runs.last().context("a run")?.stats;
    let total = contender.summary(|run| run.stats.total);
    let parts = last.distributed.then(|| {
        (
            contender.summary(Run::workers),
            contender.summary(|run| run.invocations.saturating_sub(run.workers())),
            contender.summary(|run| run.stats.execution.saturating_sub(run.invocations)),
        )
    });
    Ok(Line {
        statement: contender.statement.name,
        compute: contender.compute.clone(),
        total,
        plan: contender.summary(|run| run.stats.planning),
        execution: contender.summary(|run| run.stats.execution),
        worker: parts.map(|parts| parts.0),
        lambda: parts.map(|parts| parts.1),
        rest: parts.map(|parts| parts.2),
        above_embedded: total.median - baseline,
        stages: last.stages.len(),
        s3_gets: last.requests.get,
        s3_puts: last.requests.put,
        bytes_written: last.requests.bytes_written,
        bytes_read: last.requests.bytes_exchanged,
    })
}

pub(super) fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "query",
        "compute",
        "total",
        "p90",
        "above embedded",
        "plan",
        "execution",
        "worker",
        "lambda",
        "rest",
        "GETs",
        "PUTs",
        "exchange KB, in",
        "out",
    ]);
    let optional = |summary: Option<Summary>| summary.map_or_else(String::new, |summary| ms(summary.median));
    for line in lines {
        table.add_row([
            line.statement.to_owned(),
            line.compute.clone(),
            ms(line.total.median),
            ms(line.total.p90),
            line.worker.map_or_else(String::new, |_| format!("{:+.1}", line.above_embedded)),
            ms(line.plan.median),
            ms(line.execution.median),
            optional(line.worker),
            optional(line.lambda),
            optional(line.rest),
            line.s3_gets.to_string(),
            line.s3_puts.to_string(),
            kilobytes(line.bytes_written),
            kilobytes(line.bytes_read),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn ms(value: f64) -> String {
    format!("{value:.1}")
}

fn kilobytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e3)
}
