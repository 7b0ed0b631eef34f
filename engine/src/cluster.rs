//! The worker of compute `cluster`, for whoever keeps one. The coordinator's side is behind [`query`](crate::query).

pub use crate::planner::distributed::cluster::{ClusterWorker, ClusterWorkerSettings, TaskCount};
