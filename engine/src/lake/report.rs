//! What the scans of a query saw and chose.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts over all scans of one query; a table that is scanned twice counts twice.
///
/// Partitions that were dropped by their values are in none of these numbers: they were never listed.
#[derive(Debug, Default)]
pub struct ScanReport {
    files_listed: AtomicU64,
    bytes_listed: AtomicU64,
    files_chosen: AtomicU64,
    bytes_chosen: AtomicU64,
    partitions_seen: AtomicU64,
    partitions_chosen: AtomicU64,
}

impl ScanReport {
    /// Bytes of all files that were listed, before files were dropped by their statistics: "scanned 31 of 220 MiB".
    pub fn bytes_total(&self) -> u64 {
        self.bytes_listed.load(Relaxed)
    }

    pub fn files_total(&self) -> u64 {
        self.files_listed.load(Relaxed)
    }

    /// Bytes of the files that remain to be read, whole: what is fetched of them is less.
    pub fn bytes_chosen(&self) -> u64 {
        self.bytes_chosen.load(Relaxed)
    }

    pub fn files_chosen(&self) -> u64 {
        self.files_chosen.load(Relaxed)
    }

    /// Partitions whose values were compared with the filters.
    pub fn partitions_total(&self) -> u64 {
        self.partitions_seen.load(Relaxed)
    }

    pub fn partitions_chosen(&self) -> u64 {
        self.partitions_chosen.load(Relaxed)
    }

    pub(super) fn listed(&self, files: usize, bytes: u64) {
        self.files_listed.fetch_add(files as u64, Relaxed);
        self.bytes_listed.fetch_add(bytes, Relaxed);
    }

    pub(super) fn chosen(&self, files: usize, bytes: u64) {
        self.files_chosen.fetch_add(files as u64, Relaxed);
        self.bytes_chosen.fetch_add(bytes, Relaxed);
    }

    pub(super) fn partitions(&self, seen: usize, chosen: usize) {
        self.partitions_seen.fetch_add(seen as u64, Relaxed);
        self.partitions_chosen.fetch_add(chosen as u64, Relaxed);
    }
}
