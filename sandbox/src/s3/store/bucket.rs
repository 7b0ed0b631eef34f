use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use s3s::{S3Error, S3Result, s3_error};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::listing::{self, ListPage, ListQuery};
use super::object::{Attributes, ObjectInfo, now};
use super::record_file::{append_trailer, read_trailer};
use super::stage::Staged;
use super::{no_such_bucket, no_such_key};
use crate::s3::conditions::WriteCondition;

/// One bucket: its directory, and the ordered index of its objects.
pub(crate) struct Bucket {
    name: String,
    /// Seconds since the Unix epoch.
    created: i64,
    pub(super) dir: PathBuf,
    state: RwLock<State>,
    /// Part of every object file's name, so that no two puts write the same file.
    next_version: AtomicU64,
}

struct State {
    objects: BTreeMap<String, Arc<ObjectInfo>>,
    /// Set when the bucket was deleted while a request still held it.
    removed: bool,
}

#[derive(Serialize, Deserialize)]
struct BucketFile {
    created: i64,
}

impl Bucket {
    pub(super) fn create(name: &str, dir: PathBuf) -> io::Result<Self> {
        make_folders(&dir)?;
        let created = now();
        fs::write(dir.join("bucket.json"), serde_json::to_vec(&BucketFile { created })?)?;
        Ok(Self::new(name, created, dir, BTreeMap::new(), 0))
    }

    /// Reads the index from the objects' trailers. A file that is not a whole object is left alone, with a warning.
    pub(super) fn load(name: &str, dir: PathBuf) -> io::Result<Self> {
        // What was being written when the last server stopped was never visible.
        match fs::remove_dir_all(dir.join("tmp")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => make_folders(&dir)?,
        }
        let created = match fs::read(dir.join("bucket.json")) {
            Ok(json) => serde_json::from_slice::<BucketFile>(&json)?.created,
            Err(error) if error.kind() == io::ErrorKind::NotFound => now(),
            Err(error) => return Err(error),
        };
        let (mut objects, mut versions) = (BTreeMap::new(), BTreeMap::new());
        for shard in fs::read_dir(dir.join("objects"))? {
            for entry in fs::read_dir(shard?.path())? {
                let path = entry?.path();
                let Some((info, version)) = load_object(&path) else { continue };
                // Two versions of one key: the server stopped between publishing the new and removing the old.
                let newest = versions.get(&info.key).is_none_or(|known| version > *known);
                if newest {
                    versions.insert(info.key.clone(), version);
                    if let Some(old) = objects.insert(info.key.clone(), Arc::new(info)) {
                        remove_quietly(&old.path);
                    }
                } else {
                    remove_quietly(&path);
                }
            }
        }
        let next_version = versions.values().max().map_or(0, |last| last + 1);
        Ok(Self::new(name, created, dir, objects, next_version))
    }

    fn new(
        name: &str,
        created: i64,
        dir: PathBuf,
        objects: BTreeMap<String, Arc<ObjectInfo>>,
        next_version: u64,
    ) -> Self {
        let state = RwLock::new(State { objects, removed: false });
        Self { name: name.to_owned(), created, dir, state, next_version: AtomicU64::new(next_version) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn created(&self) -> i64 {
        self.created
    }

    /// Where files are written before they are put in place.
    pub(crate) fn staging_dir(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    pub(crate) fn object(&self, key: &str) -> S3Result<Arc<ObjectInfo>> {
        self.read().objects.get(key).cloned().ok_or_else(no_such_key)
    }

    pub(crate) fn list(&self, query: ListQuery<'_>) -> ListPage {
        listing::list(&self.read().objects, query)
    }

    /// Puts a received file in place as `key`, if the condition holds at that moment. Blocks.
    pub(crate) fn put(
        &self,
        key: &str,
        staged: Staged,
        attributes: Attributes,
        condition: &WriteCondition,
    ) -> S3Result<Arc<ObjectInfo>> {
        let (etag, size) = (staged.etag(), staged.size);
        let info = ObjectInfo { key: key.to_owned(), etag, size, modified: now(), attributes, path: PathBuf::new() };
        self.publish(info, staged.file, condition)
    }

    /// As [`put`](Self::put), for a file whose ETag is not the MD5 of its bytes. `info.path` is set here.
    pub(super) fn publish(
        &self,
        mut info: ObjectInfo,
        mut file: NamedTempFile,
        condition: &WriteCondition,
    ) -> S3Result<Arc<ObjectInfo>> {
        let version = self.next_version.fetch_add(1, Ordering::Relaxed);
        info.path = self.object_path(&info.key, version);
        append_trailer(file.as_file_mut(), &info).map_err(S3Error::internal_error)?;
        if let Some(shard) = info.path.parent() {
            fs::create_dir_all(shard).map_err(S3Error::internal_error)?;
        }
        let info = Arc::new(info);
        let replaced = {
            let mut state = self.write();
            if state.removed {
                return Err(no_such_bucket());
            }
            condition.check(state.objects.get(&info.key).map(Arc::as_ref))?;
            file.persist(&info.path).map_err(|error| S3Error::internal_error(error.error))?;
            state.objects.insert(info.key.clone(), Arc::clone(&info))
        };
        if let Some(replaced) = replaced {
            remove_quietly(&replaced.path);
        }
        Ok(info)
    }

    /// Removes the key if it is there and the condition holds. Blocks.
    pub(crate) fn delete(&self, key: &str, condition: &WriteCondition) -> S3Result<()> {
        let mut state = self.write();
        let Some(object) = state.objects.get(key) else {
            return match condition {
                // Deleting what is not there succeeds.
                WriteCondition::Always => Ok(()),
                other => other.check(None),
            };
        };
        condition.check(Some(object))?;
        fs::remove_file(&object.path).map_err(S3Error::internal_error)?;
        state.objects.remove(key);
        Ok(())
    }

    /// Opens the object's file together with the facts that belong to it. Blocks.
    pub(crate) fn open(&self, mut info: Arc<ObjectInfo>) -> S3Result<(Arc<ObjectInfo>, File)> {
        loop {
            match File::open(&info.path) {
                Ok(file) => return Ok((info, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    // Replaced or deleted since it was looked up; an open file would have survived that.
                    let current = self.object(&info.key)?;
                    if Arc::ptr_eq(&current, &info) {
                        return Err(S3Error::internal_error(error));
                    }
                    info = current;
                }
                Err(error) => return Err(S3Error::internal_error(error)),
            }
        }
    }

    pub(super) fn remove_if_empty(&self) -> S3Result<()> {
        let mut state = self.write();
        if !state.objects.is_empty() {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
        }
        state.removed = true;
        fs::remove_dir_all(&self.dir).map_err(S3Error::internal_error)
    }

    fn object_path(&self, key: &str, version: u64) -> PathBuf {
        let hash = hex::encode(Sha256::digest(key));
        self.dir.join("objects").join(&hash[..2]).join(format!("{hash}-{version:016x}"))
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_folders(dir: &Path) -> io::Result<()> {
    ["objects", "uploads", "tmp"].iter().try_for_each(|folder| fs::create_dir_all(dir.join(folder)))
}

fn load_object(path: &Path) -> Option<(ObjectInfo, u64)> {
    let version = path.file_name()?.to_str()?.rsplit_once('-').and_then(|(_, hex)| u64::from_str_radix(hex, 16).ok());
    let read = File::open(path).and_then(|file| read_trailer::<ObjectInfo>(&file));
    match (version, read) {
        (Some(version), Ok((info, size))) if size == info.size => {
            Some((ObjectInfo { path: path.to_owned(), ..info }, version))
        }
        (_, Err(error)) => {
            tracing::warn!(path = %path.display(), %error, "not a whole object, ignored");
            None
        }
        _ => {
            tracing::warn!(path = %path.display(), "not an object of this store, ignored");
            None
        }
    }
}

/// An old version that stays behind costs disk only, and goes at the next start.
fn remove_quietly(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "an object's old file could not be removed");
    }
}
