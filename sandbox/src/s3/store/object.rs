use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use s3s::dto::Timestamp;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What is known of a stored object without its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectInfo {
    pub(crate) key: String,
    /// Without quotes: the MD5 of the bytes in hex, or `<MD5 of the parts' MD5s>-<parts>`.
    pub(crate) etag: String,
    /// Bytes.
    pub(crate) size: u64,
    /// Seconds since the Unix epoch: S3 keeps no finer time, and HEAD and LIST must agree.
    pub(crate) modified: i64,
    pub(crate) attributes: Attributes,
    /// The file that holds the bytes, from offset 0.
    #[serde(skip)]
    pub(crate) path: PathBuf,
}

/// What a client gives along with an object's bytes and gets back with them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attributes {
    pub(crate) content_type: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) cache_control: Option<String>,
    /// Seconds since the Unix epoch.
    pub(crate) expires: Option<i64>,
    /// `x-amz-meta-*`, without that prefix.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl ObjectInfo {
    pub(crate) fn last_modified(&self) -> Timestamp {
        timestamp(self.modified)
    }
}

/// A whole second as `s3s` wants it. Times that no calendar holds become the epoch.
pub(crate) fn timestamp(seconds: i64) -> Timestamp {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH).into()
}

/// Now, in whole seconds since the Unix epoch.
pub(crate) fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}
