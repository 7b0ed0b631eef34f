//! Runs a query in its cells and tells of all that are wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::cell::{Cell, Compute};
use super::{cells, engines, report};
use crate::suites::{Query, Suite};

/// A query that takes longer hangs: in a debug build the slowest takes a fraction of it, with other tests beside it.
const WATCHDOG: Duration = Duration::from_secs(300);

/// Why a query needs no workers that the files' statistics answer, or show to have no rows.
const READS_NO_FILES: &str = "it reads no files";

/// What came of one cell.
pub(super) enum Outcome {
    Right,
    /// Right, but without workers although there was something to read; why.
    AtHome(String),
    Wrong(String),
    Error(String),
    Hung,
}

impl Outcome {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::AtHome(_) => "home",
            Self::Wrong(_) => "wrong",
            Self::Error(_) => "error",
            Self::Hung => "hung",
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Right => "",
            Self::Hung => "no answer in time",
            Self::AtHome(text) | Self::Wrong(text) | Self::Error(text) => text,
        }
    }
}

/// Runs query `number` of a suite in all its cells.
///
/// # Panics
/// With every cell whose answer is wrong or missing, or that ran without workers although it reads files.
pub fn check(suite: &'static Suite, number: usize) {
    let query = suite.query(number);
    let mut failures = Vec::new();
    for cell in cells(number) {
        let started = Instant::now();
        let outcome = run(suite, query, &cell);
        report::add(suite.name, number, &cell, &outcome, started.elapsed());
        if !matches!(outcome, Outcome::Right) {
            failures.push(format!("{cell}: {}: {}", outcome.name(), outcome.text()));
        }
    }
    let what = format!("{} query {number}", suite.name);
    assert!(failures.is_empty(), "{what}: {} cells fail\n\n{}\n\n{}", failures.len(), failures.join("\n\n"), query.sql);
}

fn run(suite: &'static Suite, query: &Query, cell: &Cell) -> Outcome {
    let expected = suite.expected(query.number);
    let engine = engines::engine(suite, cell);
    let running = AssertUnwindSafe(|| engine.start(&query.sql, &[]).finish_within(WATCHDOG));
    let outcome = match catch_unwind(running) {
        Err(panic) => return Outcome::Error(format!("panicked: {}", panic_text(panic.as_ref()))),
        Ok(None) => return Outcome::Hung,
        Ok(Some(Err(error))) => return Outcome::Error(error.to_string()),
        Ok(Some(Ok(outcome))) => outcome,
    };
    if let Some(difference) = expected.difference(&outcome.answer) {
        return Outcome::Wrong(difference);
    }
    let reads_nothing = outcome.stats.placement == READS_NO_FILES;
    if cell.compute != Compute::Embedded && !outcome.stats.distributed && !reads_nothing {
        return Outcome::AtHome(outcome.stats.placement);
    }
    Outcome::Right
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("with no message").to_owned()
}
