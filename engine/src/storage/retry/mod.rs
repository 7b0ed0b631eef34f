//! Requests that fail are made again, answers that are late are asked for twice.
//!
//! S3 answers 500 and 503 now and then, drops connections, and lets some answers wait for seconds. [`Retried`] stands between
//! the ranges that a query asks for and the counted client: whatever comes back is whole and as long as it announced, or an
//! error that names the object. What one query or task may spend on that is bounded by its own [`Effort`]. The client below
//! does not retry reads by itself (`S3Client`), so every request is counted, and no answer is patched together unseen.

mod budget;
mod effort;
mod hedge;
mod list;
mod resume;
mod store;

pub use budget::RetrySettings;
pub(super) use effort::Effort;
pub use hedge::HedgeSettings;
pub(super) use store::Retried;

/// Why a GET is made that would not be made if the first one had gone well. Travels in [`GetOptions::extensions`]
/// (`object_store::GetOptions`), down to the meter and the client; the first GET carries none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// The one before failed.
    Retry,
    /// The one before is late, and still under way: to be made on another connection.
    Hedge,
}
