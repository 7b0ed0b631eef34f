//! Requests to the object store by kind, and bytes.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// What was asked of object storage, in S3's billing classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCounts {
    pub get: u64,
    pub head: u64,
    pub list: u64,
    /// PUT, POST and COPY, the parts of multipart uploads included.
    pub put: u64,
    pub delete: u64,
    /// GETs and HEADs among the above that were made again because the one before failed.
    #[serde(default)]
    pub retried: u64,
    /// GETs among the above that were made because the one before was late.
    #[serde(default)]
    pub hedged: u64,
    /// Bytes received from GETs of table data: what is billed as scanned.
    pub bytes_scanned: u64,
    /// Bytes of table data that were still in memory from an earlier read; not among the above.
    #[serde(default)]
    pub bytes_remembered: u64,
    /// Bytes received from GETs of exchange objects.
    pub bytes_exchanged: u64,
    pub bytes_written: u64,
}

impl AddAssign for RequestCounts {
    fn add_assign(&mut self, other: Self) {
        self.get += other.get;
        self.head += other.head;
        self.list += other.list;
        self.put += other.put;
        self.delete += other.delete;
        self.retried += other.retried;
        self.hedged += other.hedged;
        self.bytes_scanned += other.bytes_scanned;
        self.bytes_remembered += other.bytes_remembered;
        self.bytes_exchanged += other.bytes_exchanged;
        self.bytes_written += other.bytes_written;
    }
}
