//! A line for each cell that ran, where `ARACHNE_TEST_MATRIX_REPORT` names a file:
//! `suite, query, cell, outcome, milliseconds, what it says`, parted by tabs.
//!
//! Counted with `cut -f1,3,4 FILE | sort | uniq -c`.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

use super::cell::Cell;
use super::run::Outcome;

pub(super) fn add(suite: &str, number: usize, cell: &Cell, outcome: &Outcome, took: Duration) {
    let Some(path) = std::env::var_os("ARACHNE_TEST_MATRIX_REPORT") else { return };
    let text = outcome.text().replace(['\n', '\t'], " ");
    let line = format!("{suite}\t{number}\t{cell}\t{}\t{}\t{text}\n", outcome.name(), took.as_millis());
    // One write of an appended line is not torn by other threads.
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the report is written");
}
