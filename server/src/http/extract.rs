//! What handlers take from a request, refused as problem documents where it cannot be read.

use axum::body::to_bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use arachne_engine::{Error, ErrorCode, Position};

use super::problem::Problem;

/// The query string.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|error| Problem::invalid(plain(&error.body_text())))
    }
}

/// A query string with nothing in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParams {}

/// What stands in the path.
#[derive(Debug)]
pub(super) struct PathParams<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|error| Problem::invalid(plain(&error.body_text())))
    }
}

/// A body of text.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) text: String,
    /// Without its parameters, in lower case.
    pub(super) media: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let media = media(request.headers())?;
        // Its size was judged where it came in.
        let bytes = to_bytes(request.into_body(), usize::MAX).await;
        let bytes = bytes.map_err(|_| Problem::invalid("the body ended too early"))?;
        match String::from_utf8(bytes.into()) {
            Ok(text) => Ok(Self { text, media }),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
                let error =
                    Error::new(ErrorCode::InvalidArgument, format!("the body is not UTF-8 text: see byte {valid}"));
                Err(Problem::new(error.at(end_of(&before))))
            }
        }
    }
}

impl Text {
    /// # Errors
    /// `InvalidArgument` with the place in the body where it stops being what is wanted.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_str(&self.text).map_err(|error| {
            let place = Position { line: error.line().max(1) as u64, column: error.column().max(1) as u64 };
            let error = Error::new(ErrorCode::InvalidArgument, format!("the body cannot be read as JSON: {error}"));
            Problem::new(error.at(place))
        })
    }

    /// # Errors
    /// 415 for a media type that is none of these. curl's default says nothing about the body, so it is always taken.
    pub(super) fn must_be(&self, known: &[&str]) -> Result<(), Problem> {
        const OF_CURL: &str = "application/x-www-form-urlencoded";
        match self.media.as_deref() {
            None | Some(OF_CURL) => Ok(()),
            Some(media) if known.contains(&media) => Ok(()),
            Some(media) => Err(unsupported(format!("the body cannot be {media}"))
                .with_hint(format!("send it as {}", known.join(" or ")))),
        }
    }
}

/// The type of the body; its text must be UTF-8, and not compressed.
fn media(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        return Err(unsupported(format!(
            "the body cannot have the encoding {}",
            String::from_utf8_lossy(encoding.as_bytes())
        )));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(None) };
    let value = value.to_str().map_err(|_| unsupported("the Content-Type cannot be read"))?.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_owned();
    let charset = parts.find_map(|part| part.strip_prefix("charset=")).map(|charset| charset.trim_matches('"'));
    match charset {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok(Some(media).filter(|media| !media.is_empty())),
        Some(charset) => {
            Err(unsupported(format!("the body cannot have the charset {charset}")).with_hint("send UTF-8"))
        }
    }
}

fn unsupported(message: impl Into<String>) -> Problem {
    Problem::invalid(message).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
}

fn end_of(text: &str) -> Position {
    let line = text.matches('\n').count() as u64 + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    Position { line, column }
}

/// A rejection of axum as the rest of our errors read.
fn plain(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
