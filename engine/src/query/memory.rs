//! A query's share of the process's memory.
//!
//! The query has a limit of its own, divided fairly among those of its operators that can spill, and everything it holds also
//! counts against the pool that all queries share. What can spill does so when either is used up; what cannot fails the query,
//! and nobody else's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

use crate::error::{Error, ErrorCode};
use crate::worker::refusal;

/// How the messages of refusals begin; libraries wrap them and keep nothing but the text.
const QUERY_IS_FULL: &str = "the query needs more memory than its limit";
const PROCESS_IS_FULL: &str = "the queries of this process need more memory than it may use";
/// The same of DataFusion's, for disk.
const DISK_IS_FULL: &str = "max_temp_directory_size";

#[derive(Debug)]
pub(super) struct QueryMemory {
    process: Arc<dyn MemoryPool>,
    process_bytes: usize,
    own: Option<Own>,
    held: AtomicUsize,
    peak: AtomicUsize,
}

/// The query's own limit, in bytes.
#[derive(Debug)]
struct Own {
    pool: FairSpillPool,
    bytes: usize,
}

impl QueryMemory {
    /// Sizes in bytes.
    pub(super) fn new(process: Arc<dyn MemoryPool>, process_bytes: usize, limit: Option<u64>) -> Self {
        let own = limit.map(|limit| {
            let bytes = usize::try_from(limit).unwrap_or(usize::MAX);
            Own { pool: FairSpillPool::new(bytes), bytes }
        });
        Self { process, process_bytes, own, held: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    /// The most it ever held, in bytes.
    pub(super) fn peak(&self) -> u64 {
        self.peak.load(Relaxed) as u64
    }

    fn grown(&self, additional: usize) {
        let held = self.held.fetch_add(additional, Relaxed) + additional;
        self.peak.fetch_max(held, Relaxed);
    }

    /// Operators take a refusal of this kind as a request to spill; it reaches the user only from those that cannot.
    fn refuse(&self, reservation: &MemoryReservation, additional: usize, full: &str, bytes: usize) -> DataFusionError {
        let message = format!(
            "{full}, {bytes} bytes: {} wants {additional} bytes more, this query holds {}, all queries {}",
            reservation.consumer().name(),
            self.held.load(Relaxed),
            self.process.reserved(),
        );
        refusal(reservation.consumer(), DataFusionError::ResourcesExhausted(message))
    }
}

/// Says what to raise, where an error comes from a query's memory or disk.
pub(super) fn explain(error: Error) -> Error {
    if error.code != ErrorCode::ResourceExhausted || error.hint.is_some() {
        return error;
    }
    let hints = [
        (
            QUERY_IS_FULL,
            "raise limits.memory_per_query, unless this session has lowered it by SET arachne.memory_per_query; or let workers do more",
        ),
        (
            PROCESS_IS_FULL,
            "raise limits.memory, run fewer queries at once (limits.concurrent_queries), or let workers do more",
        ),
        (DISK_IS_FULL, "raise limits.spill, or give the query more memory: limits.memory"),
    ];
    match hints.iter().find_map(|(text, hint)| Some((error.message.find(text)?, text, hint))) {
        Some((_, text, hint)) if *text == DISK_IS_FULL => error.with_hint(*hint),
        Some((start, _, hint)) => Error::new(error.code, &error.message[start..]).with_hint(*hint),
        None => error,
    }
}

impl MemoryPool for QueryMemory {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.process.register(consumer);
        if let Some(own) = &self.own {
            own.pool.register(consumer);
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.process.unregister(consumer);
        if let Some(own) = &self.own {
            own.pool.unregister(consumer);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.process.grow(reservation, additional);
        if let Some(own) = &self.own {
            own.pool.grow(reservation, additional);
        }
        self.grown(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.process.shrink(reservation, shrink);
        if let Some(own) = &self.own {
            own.pool.shrink(reservation, shrink);
        }
        self.held.fetch_sub(shrink, Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if let Some(own) = &self.own
            && own.pool.try_grow(reservation, additional).is_err()
        {
            return Err(self.refuse(reservation, additional, QUERY_IS_FULL, own.bytes));
        }
        if self.process.try_grow(reservation, additional).is_err() {
            if let Some(own) = &self.own {
                own.pool.shrink(reservation, additional);
            }
            return Err(self.refuse(reservation, additional, PROCESS_IS_FULL, self.process_bytes));
        }
        self.grown(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held.load(Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        match &self.own {
            Some(own) => MemoryLimit::Finite(own.bytes.min(self.process_bytes)),
            None => self.process.memory_limit(),
        }
    }
}

impl fmt::Display for QueryMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "query({} bytes held, {} at most so far)", self.reserved(), self.peak())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_limits_hold_and_a_refusal_takes_nothing() {
        let process: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(100));
        let one = Arc::new(QueryMemory::new(Arc::clone(&process), 100, Some(60)));
        let other = Arc::new(QueryMemory::new(Arc::clone(&process), 100, None));
        let join = MemoryConsumer::new("join").register(&(Arc::clone(&one) as Arc<dyn MemoryPool>));
        join.try_grow(50).unwrap();
        let error = Error::from(join.try_grow(20).unwrap_err());
        assert!(error.message.contains("60 bytes") && error.message.contains("join wants 20"), "{error}");
        assert!(explain(error).hint.unwrap().contains("limits.memory_per_query"));

        let beside = MemoryConsumer::new("hash").register(&(Arc::clone(&other) as Arc<dyn MemoryPool>));
        beside.try_grow(50).unwrap();
        let error = explain(Error::from(beside.try_grow(1).unwrap_err()));
        assert!(error.hint.unwrap().contains("limits.memory,"), "{:?}", error.message);
        join.shrink(30);
        beside.try_grow(30).unwrap();
        assert_eq!((one.reserved(), one.peak(), other.peak(), process.reserved()), (20, 50, 80, 100));
        drop((join, beside));
        assert_eq!((one.reserved(), process.reserved()), (0, 0));
    }

    #[test]
    fn what_libraries_say_around_it_is_left_out() {
        let wrapped = format!("Not enough memory to continue external sort. {QUERY_IS_FULL}, 10 bytes: sort wants 11");
        let error = explain(Error::new(ErrorCode::ResourceExhausted, wrapped));
        assert!(error.message.starts_with(QUERY_IS_FULL) && error.hint.is_some(), "{error}");
        let other = Error::new(ErrorCode::ResourceExhausted, "something else");
        assert_eq!(explain(other.clone()), other);
    }
}
