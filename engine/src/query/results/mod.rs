//! Results that can be read again: one Arrow IPC file a query, in S3 or in a local folder.
//!
//! The file appears whole or not at all (one PUT, or a multipart upload that is completed at the end), and counts as a result
//! only once the history says that its query has finished.

mod link;
mod reader;
mod store;
mod writer;

pub use link::ResultLink;
pub use reader::ResultPage;
pub(super) use store::ResultStore;
pub(super) use writer::ResultWriter;

/// In the file's own metadata: rows of each batch, so that a page can be found without reading what is before it.
const ROWS_PER_BATCH_KEY: &str = "arachne.rows_per_batch";
