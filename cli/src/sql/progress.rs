//! What a query is doing, on standard error: a line that is redrawn on a terminal, a line now and then elsewhere.

use std::time::{Duration, Instant};

use arachne_engine::query::{QueryProgress, QueryState};
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sql::run::say;
use crate::terminal;

/// Faster queries need no line.
const SHOWN_AFTER: Duration = Duration::from_millis(400);
/// Where nothing can be redrawn.
const FIRST_PLAIN_LINE: Duration = Duration::from_secs(1);
const NEXT_PLAIN_LINE: Duration = Duration::from_secs(10);

pub(crate) enum ProgressLine {
    Silent,
    Terminal { bar: ProgressBar, started: Instant },
    Plain { started: Instant, next: Instant },
}

impl ProgressLine {
    pub(crate) fn new(quiet: bool) -> Self {
        let started = Instant::now();
        if quiet {
            return Self::Silent;
        }
        if !terminal::stderr_is_terminal() {
            return Self::Plain { started, next: started + FIRST_PLAIN_LINE };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        Self::Terminal { bar, started }
    }

    pub(crate) fn update(&mut self, progress: &QueryProgress) {
        match self {
            Self::Silent => {}
            Self::Terminal { bar, started } => {
                if started.elapsed() < SHOWN_AFTER {
                    return;
                }
                if bar.is_hidden() {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                }
                bar.set_message(describe(progress, started.elapsed()));
                bar.tick();
            }
            Self::Plain { started, next } => {
                if Instant::now() < *next {
                    return;
                }
                *next = Instant::now() + NEXT_PLAIN_LINE;
                say(&describe(progress, started.elapsed()));
            }
        }
    }

    /// Makes room for other output, which is written by `write`.
    pub(crate) fn around<T>(&self, write: impl FnOnce() -> T) -> T {
        match self {
            Self::Terminal { bar, .. } if !bar.is_hidden() => bar.suspend(write),
            Self::Terminal { .. } | Self::Silent | Self::Plain { .. } => write(),
        }
    }

    pub(crate) fn finish(&self) {
        if let Self::Terminal { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}

fn describe(progress: &QueryProgress, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let what = match progress.state {
        QueryState::Queued => return format!("queued, {seconds:.1}s"),
        QueryState::Planning => return format!("planning, {seconds:.1}s"),
        QueryState::Running if progress.tasks == 0 => "running".to_owned(),
        QueryState::Running => {
            format!("{} of {} tasks done, {} running", progress.tasks_done, progress.tasks, progress.tasks_running)
        }
        QueryState::Finished => "finishing".to_owned(),
        QueryState::Failed => "failed".to_owned(),
        QueryState::Cancelled => "cancelled".to_owned(),
    };
    let retried = if progress.retried > 0 { format!(", {} retried", progress.retried) } else { String::new() };
    let rows = if progress.rows > 0 { format!(", {} rows", progress.rows) } else { String::new() };
    format!("{what}{retried}, {} scanned{rows}, {seconds:.1}s", HumanBytes(progress.bytes_scanned))
}
