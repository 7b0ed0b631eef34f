//! What makes one of possibly several coordinators: its name, its memory of queries, its queue, its place for results.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::history::{MemoryHistory, QueryHistory};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::admission::QueueLimits;

/// By default a coordinator that is alone, forgets with its process, and keeps no results.
#[derive(Debug, Clone)]
pub struct Coordination {
    pub history: Arc<dyn QueryHistory>,
    /// The name of this coordinator in the history; no other has had it before.
    pub owner: String,
    pub liveness: Arc<dyn Liveness>,
    pub queue: QueueLimits,
    /// `s3://bucket/prefix/` or `file:///folder/` for the results of queries that are submitted.
    pub results: Option<String>,
    pub retention: RetentionSettings,
    /// Where queries compute. An operator that does not yield for long can occupy all of these threads, so doors had better be
    /// on others. The threads that start a query, if not set.
    pub threads: Option<Handle>,
}

impl Default for Coordination {
    fn default() -> Self {
        Self {
            history: Arc::new(MemoryHistory::new()),
            owner: Uuid::now_v7().to_string(),
            liveness: Arc::new(ByHeartbeat),
            queue: QueueLimits::default(),
            results: None,
            retention: RetentionSettings::default(),
            threads: None,
        }
    }
}

/// Tells whether another coordinator still runs.
pub trait Liveness: Debug + Send + Sync {
    /// `None` if it cannot be told from here; then its signs of life in the history decide.
    fn is_alive(&self, owner: &str) -> Option<bool>;

    /// This coordinator ends, and leaves nothing that another one would have to settle.
    fn leave(&self) {}
}

/// Leaves it to the signs of life.
#[derive(Debug)]
pub struct ByHeartbeat;

impl Liveness for ByHeartbeat {
    fn is_alive(&self, _owner: &str) -> Option<bool> {
        None
    }
}

/// How long ended queries, and their results, are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    pub max_queries: usize,
    pub max_age: Duration,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self { max_queries: 100_000, max_age: Duration::from_secs(45 * 24 * 3600) }
    }
}
