//! The one error type that leaves the engine.
//!
//! [`ErrorCode`] is the contract: every door maps it exhaustively to its own vocabulary (HTTP status, gRPC code, Athena
//! code), and the scheduler asks it whether another attempt could help. Messages are for people: lowercase, no full stop,
//! they name the thing and say what to do; they never hold a secret.

use std::fmt;

use datafusion::error::DataFusionError;
use serde::{Deserialize, Serialize};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure it is, as far as a caller would act differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The SQL does not parse, or does not fit the tables it names.
    Syntax,
    /// A table, column, database, bucket or object does not exist.
    NotFound,
    AlreadyExists,
    PermissionDenied,
    /// The data is not what it is declared to be: a cut file, a bad number, a schema conflict, an object that changed while it was read.
    InvalidData,
    /// A setting or argument is wrong.
    InvalidArgument,
    /// Valid, but not built.
    NotSupported,
    /// Memory, disk, or a limit of the query is used up.
    ResourceExhausted,
    Throttled,
    Timeout,
    Cancelled,
    /// A service did not answer, or a worker died.
    Unavailable,
    Internal,
}

impl ErrorCode {
    /// Whether the same request can succeed when it is tried again, unchanged.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Throttled | Self::Timeout | Self::Unavailable => true,
            Self::Syntax
            | Self::NotFound
            | Self::AlreadyExists
            | Self::PermissionDenied
            | Self::InvalidData
            | Self::InvalidArgument
            | Self::NotSupported
            | Self::ResourceExhausted
            | Self::Cancelled
            | Self::Internal => false,
        }
    }

    /// The code as users see it: `syntax error`, `not found`, ...
    pub fn label(self) -> &'static str {
        match self {
            Self::Syntax => "syntax error",
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::PermissionDenied => "permission denied",
            Self::InvalidData => "invalid data",
            Self::InvalidArgument => "invalid argument",
            Self::NotSupported => "not supported",
            Self::ResourceExhausted => "resource exhausted",
            Self::Throttled => "throttled",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal error",
        }
    }
}

/// A place in the SQL text: both 1-based, columns counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

/// An error with its code, a message for people, and the place in the SQL where there is one.
///
/// It is also the form in which a worker reports a failed task, so it is serialisable; `source` chains are flattened into the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    pub code: ErrorCode,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What to try: shown on a line of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Error {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), position: None, hint: None }
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }

    /// A query has read more than it may.
    pub(crate) fn scanned_too_much(limit: u64) -> Self {
        Self::new(ErrorCode::ResourceExhausted, format!("the query reads more than the {limit} bytes it may scan"))
            .with_hint("raise the limit: SET arachne.max_bytes_scanned, or read fewer columns or partitions")
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.label(), self.message)
    }
}

impl std::error::Error for Error {}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::from(&error)
    }
}

impl From<&DataFusionError> for Error {
    fn from(error: &DataFusionError) -> Self {
        classify::datafusion(error)
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        classify::object_store(&error)
    }
}

impl From<&object_store::Error> for Error {
    fn from(error: &object_store::Error) -> Self {
        classify::object_store(error)
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        classify::datafusion(&DataFusionError::ArrowError(Box::new(error), None))
    }
}

mod classify;
mod s3_answer;
