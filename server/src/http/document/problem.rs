//! Errors.

use arachne_engine::{Error, ErrorCode, Position};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error (RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// The kind of error, for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong.
    pub detail: String,
    /// The kind of error, for programs.
    pub code: CodeDocument,
    /// Where in the SQL (or in a body that cannot be read), counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// In characters, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The query that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
}

impl From<ProblemDocument> for Error {
    fn from(problem: ProblemDocument) -> Self {
        let ProblemDocument { detail, code, line, column, hint, .. } = problem;
        let position = line.zip(column).map(|(line, column)| Position { line, column });
        Self { code: code.into(), message: detail, position, hint }
    }
}

macro_rules! codes {
    ($($code:ident),* $(,)?) => {
        /// The kind of an error.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[schema(as = ErrorCode)]
        #[serde(rename_all = "snake_case")]
        pub enum CodeDocument {
            $($code,)*
            /// Who asks has not said who they are, or it is not true. Only of requests: queries never fail with it.
            Unauthenticated,
        }

        impl From<ErrorCode> for CodeDocument {
            fn from(code: ErrorCode) -> Self {
                match code { $(ErrorCode::$code => Self::$code),* }
            }
        }

        impl From<CodeDocument> for ErrorCode {
            fn from(code: CodeDocument) -> Self {
                match code {
                    $(CodeDocument::$code => Self::$code,)*
                    CodeDocument::Unauthenticated => Self::PermissionDenied,
                }
            }
        }
    };
}

codes![
    Syntax,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    InvalidData,
    InvalidArgument,
    NotSupported,
    ResourceExhausted,
    Throttled,
    Timeout,
    Cancelled,
    Unavailable,
    Internal,
];
