use arachne_engine::{Error, ErrorCode};
use serde::Serialize;

use crate::answer::{Answer, Order, difference};
use crate::engine::Outcome;

/// What became of a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "detail")]
pub enum Verdict {
    Right,
    /// An error that says that a service failed, or that memory was short, for longer than it was worth trying.
    CleanError(String),
    /// An error that blames something else.
    UnclearError(String),
    /// Rows that differ; how.
    Wrong(String),
    /// No end within the watchdog's time.
    Hung,
}

impl Verdict {
    /// `None` is a query that did not end.
    pub fn of(result: Option<Result<Outcome, Error>>, expected: &Answer, order: Order) -> Self {
        match result {
            None => Self::Hung,
            Some(Ok(outcome)) => match difference(expected, &outcome.answer, order) {
                None => Self::Right,
                Some(difference) => Self::Wrong(difference),
            },
            Some(Err(error)) if is_clean(&error) => Self::CleanError(error.to_string()),
            Some(Err(error)) => Self::UnclearError(error.to_string()),
        }
    }

    /// Whether a user may meet this when services fail.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Right | Self::CleanError(_))
    }
}

/// The tables are right, the query is right, nothing is cancelled: only these may be said.
fn is_clean(error: &Error) -> bool {
    let code_fits = matches!(
        error.code,
        ErrorCode::Unavailable | ErrorCode::Timeout | ErrorCode::Throttled | ErrorCode::ResourceExhausted
    );
    code_fits && !error.message.is_empty() && !error.message.ends_with('.')
}
