//! Which format the client wants.

use arachne_engine::{Error, ErrorCode};

use crate::format::{ArrowStreamEncoder, DelimitedEncoder, JsonEncoder, ResultEncoder};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Media {
    Json,
    Ndjson,
    Csv,
    ArrowStream,
}

impl Media {
    const ALL: [Self; 4] = [Self::Json, Self::Ndjson, Self::Csv, Self::ArrowStream];

    /// The best of an `Accept` header: highest `q` first, then the client's order. JSON when nothing is asked for.
    pub(super) fn accepted(accept: Option<&str>) -> Result<Self, Error> {
        let Some(accept) = accept.filter(|accept| !accept.trim().is_empty()) else { return Ok(Self::Json) };
        let mut ranges: Vec<(f32, &str)> = accept.split(',').map(range).filter(|(quality, _)| *quality > 0.0).collect();
        ranges.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let found = ranges.iter().find_map(|(_, range)| Self::ALL.into_iter().find(|media| media.fits(range)));
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::new(ErrorCode::InvalidArgument, format!("cannot answer as {accept}"))
                .with_hint(format!("accept one of {known}"))
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::ArrowStream => "application/vnd.apache.arrow.stream",
        }
    }

    pub(super) fn encoder(self) -> Box<dyn ResultEncoder> {
        match self {
            Self::Json => Box::new(JsonEncoder::array()),
            Self::Ndjson => Box::new(JsonEncoder::lines()),
            Self::Csv => Box::new(DelimitedEncoder::csv()),
            Self::ArrowStream => Box::new(ArrowStreamEncoder::default()),
        }
    }

    fn fits(self, range: &str) -> bool {
        let prefix = range.strip_suffix("/*").filter(|prefix| *prefix != "*");
        range == "*/*"
            || self.name().eq_ignore_ascii_case(range)
            || prefix.is_some_and(|prefix| self.name().starts_with(&format!("{prefix}/")))
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
            (Some("text/*"), Media::Csv),
            (Some("text/html, text/csv;q=0.5, application/x-ndjson;q=0.9"), Media::Ndjson),
            (Some("application/vnd.apache.arrow.stream"), Media::ArrowStream),
        ] {
            assert_eq!(Media::accepted(accept).unwrap(), expected, "{accept:?}");
        }
        assert!(Media::accepted(Some("image/png")).unwrap_err().hint.unwrap().contains("text/csv"));
        assert!(Media::accepted(Some("text/csv;q=0")).is_err());
    }
}
