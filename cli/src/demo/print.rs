//! What the demo shows: the walk on standard output, progress on standard error.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arachne_engine::query::{QueryStats, StageStats};
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::sql::run::say;
use crate::terminal;

const PLAIN_LINE_EVERY: Duration = Duration::from_secs(2);

/// A line of the walk. Whoever closed the pipe does not want to read it.
pub(super) fn out(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Makes progress lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps;

/// A count that is redrawn on a terminal, and printed now and then elsewhere.
pub(super) struct Step {
    what: &'static str,
    total: usize,
    done: AtomicUsize,
    bar: Option<ProgressBar>,
    said: Mutex<Instant>,
}

impl Steps {
    pub(super) fn start(self, what: &'static str, total: usize) -> Step {
        let bar = terminal::stderr_is_terminal().then(|| {
            let bar = ProgressBar::new(total as u64).with_message(what);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}: {pos} of {len} files {bar:30} {elapsed}")
            {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Step { what, total, done: AtomicUsize::new(0), bar, said: Mutex::new(Instant::now()) }
    }
}

impl Step {
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &self.bar {
            return bar.inc(1);
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.elapsed() >= PLAIN_LINE_EVERY {
            *said = Instant::now();
            say(&format!("{}: {done} of {} files", self.what, self.total));
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A line for each stage.
pub(super) fn stages(stats: &QueryStats) -> String {
    if stats.stages.is_empty() {
        return format!("ran in the coordinator: {}", stats.placement);
    }
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED);
    table.set_header([
        "stage",
        "tasks",
        "attempts",
        "cold",
        "rows out",
        "scanned",
        "exchanged",
        "slowest task",
        "GB-s",
    ]);
    for stage in &stats.stages {
        table.add_row(stage_cells(stage).map(|text| Cell::new(text).set_alignment(CellAlignment::Right)));
    }
    table.trim_fmt()
}

fn stage_cells(stage: &StageStats) -> [String; 9] {
    [
        stage.stage.to_string(),
        stage.tasks.to_string(),
        stage.attempts.to_string(),
        stage.cold_starts.to_string(),
        stage.rows.to_string(),
        HumanBytes(stage.requests.bytes_scanned).to_string(),
        HumanBytes(stage.requests.bytes_exchanged).to_string(),
        format!("{:.2}s", stage.slowest_task.as_secs_f64()),
        format!("{:.2}", stage.gb_seconds),
    ]
}
