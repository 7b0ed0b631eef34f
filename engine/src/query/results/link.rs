//! A result that a client fetches from S3 itself.

use url::Url;

/// A GET that anybody may make who has it, until it expires. The object is an Arrow IPC file (LZ4).
#[derive(Clone, PartialEq, Eq)]
pub struct ResultLink {
    pub url: Url,
    /// Milliseconds since 1970.
    pub expires_ms: i64,
}

/// The signature is as good as a password while it lasts.
impl std::fmt::Debug for ResultLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResultLink").field("expires_ms", &self.expires_ms).finish_non_exhaustive()
    }
}
