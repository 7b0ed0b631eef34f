//! Whether files have changed since they were read.

use std::path::PathBuf;
use std::time::SystemTime;

/// Files, and what they looked like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WatchedFiles {
    paths: Vec<PathBuf>,
    looks: Vec<Option<Look>>,
}

/// Links are followed: what a link names is often changed by changing the link.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    modified: Option<SystemTime>,
    length: u64,
    file: u64,
}

impl WatchedFiles {
    /// As they are now. To be taken before they are read, so that a change meanwhile is not missed.
    pub(super) fn of(paths: Vec<PathBuf>) -> Self {
        let looks = paths.iter().map(look).collect();
        Self { paths, looks }
    }

    /// The same files as they are now.
    pub(super) fn now(&self) -> Self {
        Self::of(self.paths.clone())
    }
}

fn look(path: &PathBuf) -> Option<Look> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Look { modified: metadata.modified().ok(), length: metadata.len(), file: identity(&metadata) })
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.ino()
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_replaced_or_removed_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("a"), "one").unwrap();
        let mut watched = WatchedFiles::of(vec![path("a")]);
        assert_eq!(watched.now(), watched);
        let mut changed = |what: &str| {
            let now = watched.now();
            assert_ne!(now, watched, "{what}");
            watched = now;
        };
        std::fs::write(path("a"), "three").unwrap();
        changed("longer");
        std::fs::write(path("b"), "seven").unwrap();
        std::fs::rename(path("b"), path("a")).unwrap();
        changed("another file of the same length");
        std::fs::remove_file(path("a")).unwrap();
        changed("gone");
    }
}
