//! What the scans of a query saw and chose.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use object_store::path::Path;

use crate::storage::StoreUrl;

/// The files that the scans of one query listed, and those that they chose to read.
///
/// A file counts once, however often the query names its table or is planned. Files of partitions that were dropped by
/// their values are not here: they were never listed.
#[derive(Debug, Default)]
pub struct ScanReport {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    listed: HashMap<(StoreUrl, Path), u64>,
    chosen: HashMap<(StoreUrl, Path), u64>,
}

impl ScanReport {
    /// Bytes of all files that were listed, before files were dropped by their statistics: "scanned 31 of 220 MiB".
    pub fn bytes_total(&self) -> u64 {
        self.read(|seen| seen.listed.values().sum())
    }

    pub fn files_total(&self) -> u64 {
        self.read(|seen| seen.listed.len() as u64)
    }

    /// Bytes of the files that remain to be read, whole: what is fetched of them is less.
    pub fn bytes_chosen(&self) -> u64 {
        self.read(|seen| seen.chosen.values().sum())
    }

    pub fn files_chosen(&self) -> u64 {
        self.read(|seen| seen.chosen.len() as u64)
    }

    pub(super) fn listed(&self, store: &StoreUrl, path: &Path, size: u64) {
        self.read(|seen| seen.listed.insert((store.clone(), path.clone()), size));
    }

    pub(super) fn chosen(&self, store: &StoreUrl, path: &Path, size: u64) {
        self.read(|seen| seen.chosen.insert((store.clone(), path.clone()), size));
    }

    fn read<T>(&self, f: impl FnOnce(&mut Seen) -> T) -> T {
        f(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
