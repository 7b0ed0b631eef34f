//! Tells from a lock that the kernel keeps whether a coordinator on this machine still runs.
//!
//! Every coordinator holds the lock of a file with its name, in a folder beside the catalog; when it dies, however it dies, the
//! lock is free. Nobody has to wait for its signs of life to fail to appear.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use arachne_engine::query::Liveness;

/// Younger files may be about to be locked.
const STALE_AFTER: Duration = Duration::from_secs(600);

/// Holds this coordinator's lock for as long as it lives.
#[derive(Debug)]
pub(crate) struct OwnerLocks {
    dir: PathBuf,
    own_path: PathBuf,
    _own: File,
}

impl OwnerLocks {
    /// Makes the folder where it is not there.
    pub(crate) fn take(dir: &Path, owner: &str) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let own_path = dir.join(file_name(owner).ok_or(io::ErrorKind::InvalidInput)?);
        let own = File::create(&own_path)?;
        own.lock()?;
        let locks = Self { dir: dir.to_owned(), own_path, _own: own };
        locks.remove_stale()?;
        Ok(locks)
    }

    /// What coordinators that died long ago have left.
    fn remove_stale(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.dir)?.flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::now());
            let old = SystemTime::now().duration_since(modified).is_ok_and(|age| age > STALE_AFTER);
            if old && is_locked(&entry.path()) == Some(false) {
                std::fs::remove_file(entry.path()).or_else(ignore_missing)?;
            }
        }
        Ok(())
    }
}

impl Liveness for OwnerLocks {
    fn is_alive(&self, owner: &str) -> Option<bool> {
        is_locked(&self.dir.join(file_name(owner)?))
    }

    fn leave(&self) {
        // What stays is removed by a later coordinator.
        let _ = std::fs::remove_file(&self.own_path);
    }
}

/// `None` for a name that this module has not made: it comes from a database.
fn file_name(owner: &str) -> Option<String> {
    let plain = !owner.is_empty() && owner.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain.then(|| format!("{owner}.lock"))
}

fn is_locked(path: &Path) -> Option<bool> {
    match File::open(path).ok()?.try_lock() {
        Ok(()) => Some(false),
        Err(TryLockError::WouldBlock) => Some(true),
        Err(TryLockError::Error(_)) => None,
    }
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_when_its_owner_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let one = OwnerLocks::take(dir.path(), "one").unwrap();
        let two = OwnerLocks::take(dir.path(), "two").unwrap();
        assert_eq!(
            (one.is_alive("two"), two.is_alive("one"), one.is_alive("one")),
            (Some(true), Some(true), Some(true))
        );
        // As after a kill: the file stays, the lock does not.
        std::fs::write(dir.path().join("dead.lock"), "").unwrap();
        assert_eq!(one.is_alive("dead"), Some(false));
        two.leave();
        assert_eq!(one.is_alive("two"), None);
        assert_eq!(one.is_alive("../one"), None);
    }
}
