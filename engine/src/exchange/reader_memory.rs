//! How many fetched bytes the readers of a task may hold before they are decoded.

use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The readers' part of the memory pool.
const SHARE_OF_POOL: usize = 8;
const LEAST: usize = 16 * 1024 * 1024;
const MOST: usize = 256 * 1024 * 1024;

/// How long a reader waits for others to let go. Those may be waiting for this very reader (a merge needs a batch of each of
/// its inputs), so it then goes on with a small piece.
const PATIENCE: Duration = Duration::from_millis(250);

/// What a reader that waited in vain fetches all the same.
const SMALL: u64 = 1024 * 1024;

/// Permits count in units of so many bytes.
const UNIT: u64 = 1024;

/// Shared by all readers of one task, or of the head of one run.
#[derive(Debug, Clone)]
pub(crate) struct ReaderMemory {
    held: Arc<MemoryReservation>,
    room: Arc<Semaphore>,
}

/// Room for fetched bytes; given back when dropped.
pub(super) struct Room {
    /// For so many bytes; fewer than asked for when memory is short.
    pub(super) bytes: u64,
    _reservation: MemoryReservation,
    _permit: Option<OwnedSemaphorePermit>,
}

impl ReaderMemory {
    /// An eighth of the pool, within 16 and 256 MiB.
    pub(crate) fn new(pool: &Arc<dyn MemoryPool>) -> Self {
        let most = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => (bytes / SHARE_OF_POOL).clamp(LEAST, MOST),
            MemoryLimit::Infinite | MemoryLimit::Unknown => MOST,
        };
        Self::with_most(pool, most)
    }

    pub(super) fn with_most(pool: &Arc<dyn MemoryPool>, most: usize) -> Self {
        let held = MemoryConsumer::new("exchange reader").register(pool);
        Self { held: Arc::new(held), room: Arc::new(Semaphore::new(most / UNIT as usize)) }
    }

    #[cfg(test)]
    pub(super) fn free_bytes(&self) -> usize {
        self.room.available_permits() * UNIT as usize
    }

    /// Waits for room for `bytes`, but not for long: what it gets then is for a small piece, beyond the bound.
    ///
    /// The pool is told, but not asked: the bound is a small part of it, and a reader that fails helps nobody.
    pub(super) async fn room(&self, bytes: u64) -> Room {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let granted = tokio::time::timeout(PATIENCE, Arc::clone(&self.room).acquire_many_owned(units)).await;
        let (bytes, permit) = match granted {
            Ok(Ok(permit)) => (bytes, Some(permit)),
            // Nobody closes the semaphore.
            Ok(Err(_)) | Err(_) => (bytes.min(SMALL), None),
        };
        let reservation = self.held.new_empty();
        reservation.grow(bytes as usize);
        Room { bytes, _reservation: reservation, _permit: permit }
    }
}
