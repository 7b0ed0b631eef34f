//! How object storage is reached.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings of every object store of a process. What is not set here comes from the `AWS_*` environment variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageSettings {
    /// Region of the buckets; else `AWS_REGION`, `AWS_DEFAULT_REGION`, `us-east-1`.
    pub region: Option<String>,
    /// Another S3 service than AWS's, such as `http://127.0.0.1:9000`; else `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// Requests in flight over all queries of the process. Storage answers after tens of milliseconds whatever the number
    /// of cores, so this follows latency and bandwidth: 64 requests of 1 MiB at 30 ms are 2 GB/s.
    pub max_in_flight: usize,
    /// Further tries of one request after a failed one (connection, 5xx, timeout), with exponential backoff.
    pub max_retries: usize,
    /// Longest time for one request, its body included, in seconds.
    pub timeout_seconds: u64,
    /// Longest time to connect, in seconds.
    pub connect_timeout_seconds: u64,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            max_in_flight: 64,
            max_retries: 3,
            timeout_seconds: 60,
            connect_timeout_seconds: 3,
        }
    }
}

impl StorageSettings {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }
}
