//! How the program ends.

use std::process::ExitCode;

/// The exit statuses, as promised to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// A query failed, a check failed, an answer was wrong.
    Failed,
    /// Wrong flags or settings: nothing was tried.
    BadUsage,
    /// Ctrl-C: 128 + SIGINT, as shells have it.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Failed => Self::FAILURE,
            Exit::BadUsage => Self::from(2),
            Exit::Interrupted => Self::from(130),
        }
    }
}
