//! What one number of workers took.

use arachne_engine::query::QueryStats;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

/// One row of the result.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    workers: usize,
    seconds: f64,
    billed_seconds: f64,
    gb_seconds: f64,
    /// Of those of the workers and the coordinator, second ones for late answers included.
    gets: u64,
    bytes_read: u64,
    dollars: f64,
    /// Against the first row.
    time: f64,
    price: f64,
}

impl Line {
    /// Against the first one; the first is its own measure.
    pub(super) fn new(workers: usize, stats: &QueryStats, first: Option<&Self>) -> Self {
        let seconds = stats.execution.as_secs_f64();
        let dollars = stats.cost.total();
        Self {
            workers,
            seconds,
            billed_seconds: stats.stages.iter().map(|stage| stage.billed.as_secs_f64()).sum(),
            gb_seconds: stats.gb_seconds,
            gets: stats.requests.get,
            bytes_read: stats.requests.bytes_scanned,
            dollars,
            time: first.map_or(1.0, |first| seconds / first.seconds),
            price: first.map_or(1.0, |first| dollars / first.dollars),
        }
    }
}

pub(super) fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["workers", "execution s", "billed s", "GB-s", "GETs", "MB read", "dollars", "time", "price"]);
    for line in lines {
        table.add_row([
            line.workers.to_string(),
            format!("{:.2}", line.seconds),
            format!("{:.2}", line.billed_seconds),
            format!("{:.2}", line.gb_seconds),
            line.gets.to_string(),
            format!("{:.1}", line.bytes_read as f64 / 1e6),
            format!("{:.6}", line.dollars),
            format!("{:.0} %", line.time * 100.0),
            format!("{:.0} %", line.price * 100.0),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_and_price_are_shares_of_the_first() {
        let stats = |seconds, lambda| {
            let mut stats = QueryStats { execution: Duration::from_secs(seconds), ..QueryStats::default() };
            stats.cost.lambda = lambda;
            stats
        };
        let first = Line::new(1, &stats(40, 0.002), None);
        let second = Line::new(4, &stats(10, 0.003), Some(&first));
        assert_eq!((first.time, first.price), (1.0, 1.0));
        assert_eq!((second.time, second.price), (0.25, 1.5));
    }
}
