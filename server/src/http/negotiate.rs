//! Which format the client wants.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::format::{ArrowStreamEncoder, DelimitedEncoder, JsonEncoder, Numbers, ParquetEncoder, ResultEncoder};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Ndjson,
    Csv,
    Tsv,
    ArrowStream,
    Parquet,
}

impl Media {
    const ALL: [Self; 6] = [Self::Json, Self::Ndjson, Self::Csv, Self::Tsv, Self::ArrowStream, Self::Parquet];

    /// The best of an `Accept` header: highest `q` first, then the client's order. JSON when nothing is asked for.
    ///
    /// # Errors
    /// 406 when none of it can be had.
    pub(super) fn accepted(accept: Option<&str>) -> Result<Self, Problem> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Ok(Self::Json) };
        let mut ranges: Vec<(f32, &str)> = accept.split(',').map(range).filter(|(quality, _)| *quality > 0.0).collect();
        ranges.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let found = ranges.iter().find_map(|(_, range)| Self::ALL.into_iter().find(|media| media.fits(range)));
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Problem::invalid(format!("cannot answer as {accept}"))
                .with_status(StatusCode::NOT_ACCEPTABLE)
                .with_hint(format!("accept one of {known}"))
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Tsv => "text/tab-separated-values",
            Self::ArrowStream => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// With what says how its text is to be read.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Tsv => "text/tab-separated-values; charset=utf-8",
            other => other.name(),
        }
    }

    pub(super) fn encoder(self, numbers: Numbers) -> Box<dyn ResultEncoder> {
        match self {
            Self::Json => Box::new(JsonEncoder::array().with_numbers(numbers)),
            Self::Ndjson => Box::new(JsonEncoder::lines().with_numbers(numbers)),
            Self::Csv => Box::new(DelimitedEncoder::csv()),
            Self::Tsv => Box::new(DelimitedEncoder::tsv()),
            Self::ArrowStream => Box::new(ArrowStreamEncoder::default()),
            Self::Parquet => Box::new(ParquetEncoder::default()),
        }
    }

    fn fits(self, range: &str) -> bool {
        let prefix = range.strip_suffix("/*").filter(|prefix| *prefix != "*");
        range == "*/*"
            || self.name().eq_ignore_ascii_case(range)
            || self.other_name().is_some_and(|name| name.eq_ignore_ascii_case(range))
            || prefix.is_some_and(|prefix| self.name().starts_with(&format!("{}/", prefix.to_ascii_lowercase())))
    }

    /// Names without a registration that are in use.
    fn other_name(self) -> Option<&'static str> {
        match self {
            Self::Ndjson => Some("application/ndjson"),
            Self::Parquet => Some("application/x-parquet"),
            Self::Json | Self::Csv | Self::Tsv | Self::ArrowStream => None,
        }
    }
}

/// The media type that the client accepts.
impl<S: Send + Sync> FromRequestParts<S> for Media {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        // Several headers are one list.
        let accept: Vec<_> = parts.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        Self::accepted(Some(&accept.join(",")))
    }
}

/// `text/csv;q=0.8` as (0.8, `text/csv`).
fn range(text: &str) -> (f32, &str) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
    (quality.unwrap_or(0.0), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_accepted_format_wins() {
        for (accept, expected) in [
            (None, Media::Json),
            (Some("*/*"), Media::Json),
            (Some("text/csv"), Media::Csv),
            (Some("Text/CSV"), Media::Csv),
            (Some("text/*"), Media::Csv),
            (Some("text/html, text/csv;q=0.5, application/x-ndjson;q=0.9"), Media::Ndjson),
            (Some("application/vnd.apache.arrow.stream"), Media::ArrowStream),
            (Some("application/vnd.apache.parquet"), Media::Parquet),
        ] {
            assert_eq!(Media::accepted(accept).unwrap(), expected, "{accept:?}");
        }
        assert!(Media::accepted(Some("image/png")).is_err());
        assert!(Media::accepted(Some("text/csv;q=0")).is_err());
    }
}
