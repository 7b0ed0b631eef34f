//! Taking no more queries.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::error::{Error, ErrorCode, Result};

/// Open until it is closed.
#[derive(Debug, Default)]
pub(super) struct Entrance {
    is_closed: AtomicBool,
}

impl Entrance {
    pub(super) fn close(&self) {
        self.is_closed.store(true, SeqCst);
    }

    /// # Errors
    /// `Unavailable` when it is closed.
    pub(super) fn check(&self) -> Result<()> {
        if !self.is_closed.load(SeqCst) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::Unavailable, "the server is shutting down and takes no new queries")
            .with_hint("send the query again in a moment"))
    }
}
