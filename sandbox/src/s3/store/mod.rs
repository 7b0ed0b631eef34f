//! Buckets and objects as files, so that they survive a restart.
//!
//! ```text
//! <dir>/lock                                     held while a server uses the directory
//! <dir>/buckets/<bucket>/bucket.json             when it was made
//!                       /objects/<aa>/<sha256 of the key>-<version>
//!                       /uploads/<upload id>/upload.json, part-00001, ...
//!                       /tmp/                    files being written
//! ```
//!
//! Any key is a legal name this way: `a` beside `a/b`, a trailing `/`, 1,024 bytes of Unicode. The key itself stands in
//! the object file's trailer ([`record_file`]), from which the ordered index of each bucket is read at start.
//! A put writes to `tmp`, then renames to a *new* name and switches the index: a reader has either the whole old object or
//! the whole new one, and size, ETag and bytes always belong together. Nothing is synced to disk: a power cut may lose
//! what was put last, which is fine for a sandbox.

mod bucket;
mod listing;
mod object;
mod record_file;
mod stage;
mod uploads;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use s3s::path::check_bucket_name;
use s3s::{S3Error, S3Result, s3_error};

pub(crate) use bucket::Bucket;
pub(crate) use listing::{ListPage, ListQuery};
pub(crate) use object::{Attributes, ObjectInfo, timestamp};
pub(crate) use stage::{Expected, stage, stage_copy};
pub(crate) use uploads::{PartInfo, PartWanted};

/// All buckets of a server.
pub(crate) struct Store {
    buckets_dir: PathBuf,
    buckets: RwLock<BTreeMap<String, Arc<Bucket>>>,
    /// Keeps a second server out of the directory for as long as this value lives.
    _lock: File,
}

impl Store {
    /// Opens the directory, made when missing, and reads the index of every object in it. Blocks.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let buckets_dir = dir.join("buckets");
        fs::create_dir_all(&buckets_dir)?;
        let lock = lock_dir(dir)?;
        let mut buckets = BTreeMap::new();
        for entry in fs::read_dir(&buckets_dir)? {
            let entry = entry?;
            match entry.file_name().into_string() {
                Ok(name) if check_bucket_name(&name) => {
                    let bucket = Bucket::load(&name, entry.path())?;
                    buckets.insert(name, Arc::new(bucket));
                }
                _ => tracing::warn!(path = %entry.path().display(), "not a bucket, ignored"),
            }
        }
        Ok(Self { buckets_dir, buckets: RwLock::new(buckets), _lock: lock })
    }

    pub(crate) fn bucket(&self, name: &str) -> S3Result<Arc<Bucket>> {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.get(name).ok_or_else(no_such_bucket)?;
        Ok(Arc::clone(bucket))
    }

    /// All buckets in the order of their names.
    pub(crate) fn buckets(&self) -> Vec<Arc<Bucket>> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Makes a bucket; 409 `BucketAlreadyOwnedByYou` when there is one. Blocks.
    pub(crate) fn create_bucket(&self, name: &str) -> S3Result<()> {
        if !check_bucket_name(name) {
            return Err(s3_error!(InvalidBucketName, "The specified bucket is not valid."));
        }
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.contains_key(name) {
            return Err(s3_error!(
                BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it."
            ));
        }
        let bucket = Bucket::create(name, self.buckets_dir.join(name)).map_err(S3Error::internal_error)?;
        buckets.insert(name.to_owned(), Arc::new(bucket));
        Ok(())
    }

    /// Removes an empty bucket; 409 `BucketNotEmpty` otherwise. Blocks.
    pub(crate) fn delete_bucket(&self, name: &str) -> S3Result<()> {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        buckets.get(name).ok_or_else(no_such_bucket)?.remove_if_empty()?;
        buckets.remove(name);
        Ok(())
    }
}

pub(crate) fn no_such_bucket() -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist")
}

pub(crate) fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

/// Runs file work on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> S3Result<T> + Send + 'static) -> S3Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(S3Error::internal_error)?
}

fn lock_dir(dir: &Path) -> io::Result<File> {
    let lock = File::create(dir.join("lock"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another server uses this directory, stop it or choose another directory",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
