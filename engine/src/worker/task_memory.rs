//! One task's view of the worker's memory pool: the same limits, and the most it ever held.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

use super::refused_joins::refusal;

/// Passes everything on to the pool that all tasks of this worker share.
#[derive(Debug)]
pub(super) struct TaskMemory {
    shared: Arc<dyn MemoryPool>,
    held: AtomicUsize,
    peak: AtomicUsize,
}

impl TaskMemory {
    pub(super) fn new(shared: Arc<dyn MemoryPool>) -> Self {
        Self { shared, held: AtomicUsize::new(0), peak: AtomicUsize::new(0) }
    }

    /// Bytes.
    pub(super) fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }

    fn grown(&self, additional: usize) {
        let held = self.held.fetch_add(additional, Relaxed) + additional;
        self.peak.fetch_max(held, Relaxed);
    }
}

impl MemoryPool for TaskMemory {
    fn name(&self) -> &str {
        self.shared.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.shared.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.shared.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.shared.grow(reservation, additional);
        self.grown(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.shared.shrink(reservation, shrink);
        self.held.fetch_sub(shrink, Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let grown = self.shared.try_grow(reservation, additional);
        grown.map_err(|refused| refusal(reservation.consumer(), refused))?;
        self.grown(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.shared.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.shared.memory_limit()
    }
}

impl fmt::Display for TaskMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn the_peak_is_of_one_task_and_the_limit_of_all() {
        let shared: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(100));
        let one = Arc::new(TaskMemory::new(Arc::clone(&shared)));
        let other = Arc::new(TaskMemory::new(shared));
        let pool: Arc<dyn MemoryPool> = Arc::clone(&one) as _;
        let held = MemoryConsumer::new("one").register(&pool);
        held.try_grow(60).unwrap();
        held.shrink(40);
        held.try_grow(10).unwrap();
        let pool: Arc<dyn MemoryPool> = Arc::clone(&other) as _;
        let beside = MemoryConsumer::new("other").register(&pool);
        beside.try_grow(80).unwrap_err();
        beside.try_grow(70).unwrap();
        assert_eq!((one.peak(), other.peak()), (60, 70));
    }
}
