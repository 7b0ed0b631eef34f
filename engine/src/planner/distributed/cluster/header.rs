//! What a worker must know of a query before it decodes a plan, in one HTTP/2 header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result};

const NAME: HeaderName = HeaderName::from_static("x-arachne-query");

/// Both sides take headers of 64 KiB; the library's own need some, too.
const MAX_BYTES: usize = 32 * 1024;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct QueryHeader {
    /// The coordinator's [`ENGINE_VERSION`](crate::protocol::ENGINE_VERSION).
    pub(super) version: String,
    pub(super) query_id: String,
    /// Session options that differ from the defaults (`datafusion.*`).
    pub(super) options: Vec<(String, String)>,
}

impl QueryHeader {
    pub(super) fn write(&self) -> Result<HeaderMap> {
        let json = serde_json::to_vec(self).map_err(|error| Error::internal(format!("query header: {error}")))?;
        let text = BASE64.encode(json);
        if text.len() > MAX_BYTES {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the datafusion.* settings of this query are too long for workers",
            )
            .with_hint("RESET some of them"));
        }
        let value = HeaderValue::from_str(&text).map_err(|error| Error::internal(format!("query header: {error}")))?;
        Ok(HeaderMap::from_iter([(NAME, value)]))
    }

    pub(super) fn read(headers: &HeaderMap) -> Result<Self> {
        let strange = || {
            Error::new(ErrorCode::InvalidArgument, "the coordinator is not an Arachne coordinator of this version")
                .with_hint("run coordinator and workers from the same build")
        };
        let value = headers.get(NAME).ok_or_else(strange)?;
        let json = BASE64.decode(value).map_err(|_| strange())?;
        serde_json::from_slice(&json).map_err(|_| strange())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        let options = vec![("datafusion.execution.time_zone".to_owned(), "Größe\n".to_owned())];
        let header = QueryHeader { version: "1".to_owned(), query_id: "q".to_owned(), options };
        assert_eq!(QueryHeader::read(&header.write().unwrap()).unwrap(), header);
    }

    #[test]
    fn without_it_nothing_runs() {
        let error = QueryHeader::read(&HeaderMap::new()).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument);
    }
}
