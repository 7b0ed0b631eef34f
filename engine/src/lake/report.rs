//! What the scans of a query saw and chose.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
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

/// By fingerprint, for a table can have a million files: of two of them in four billion tables one might go uncounted.
#[derive(Debug, Default)]
struct Seen {
    files: HashMap<u64, SeenFile>,
}

#[derive(Debug, Default)]
struct SeenFile {
    bytes: u64,
    chosen: bool,
    folder: u64,
}

impl ScanReport {
    /// Bytes of all files that were listed, before files were dropped by their statistics: "scanned 31 of 220 MiB".
    pub fn bytes_total(&self) -> u64 {
        self.read(|seen| seen.files.values().map(|file| file.bytes).sum())
    }

    pub fn files_total(&self) -> u64 {
        self.read(|seen| seen.files.len() as u64)
    }

    /// Bytes of the files that remain to be read, whole: what is fetched of them is less.
    pub fn bytes_chosen(&self) -> u64 {
        self.read(|seen| seen.files.values().filter(|file| file.chosen).map(|file| file.bytes).sum())
    }

    pub fn files_chosen(&self) -> u64 {
        self.read(|seen| seen.files.values().filter(|file| file.chosen).count() as u64)
    }

    /// Folders that they lie in: partitions, where a table has any.
    pub fn folders_chosen(&self) -> u64 {
        let folders = |seen: &mut Seen| {
            seen.files.values().filter(|file| file.chosen).map(|file| file.folder).collect::<HashSet<_>>().len()
        };
        self.read(folders) as u64
    }

    pub(super) fn listed(&self, store: &StoreUrl, path: &Path, size: u64) {
        self.read(|seen| seen.files.entry(fingerprint(store, path)).or_default().bytes = size);
    }

    pub(super) fn chosen(&self, store: &StoreUrl, path: &Path, size: u64) {
        self.read(|seen| {
            seen.files
                .insert(fingerprint(store, path), SeenFile { bytes: size, chosen: true, folder: folder(store, path) })
        });
    }

    fn read<T>(&self, f: impl FnOnce(&mut Seen) -> T) -> T {
        f(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn folder(store: &StoreUrl, path: &Path) -> u64 {
    let key = path.as_ref();
    let mut hasher = DefaultHasher::new();
    (store, key.rsplit_once('/').map_or("", |(folder, _)| folder)).hash(&mut hasher);
    hasher.finish()
}

fn fingerprint(store: &StoreUrl, path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    (store, path).hash(&mut hasher);
    hasher.finish()
}
