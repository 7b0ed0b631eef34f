//! Things that are made once, under the target folder, however many test processes want them at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The target folder that this test binary was built into: it lies in `<target>/<profile>/deps/`.
pub fn target_dir() -> PathBuf {
    profile_dir().parent().expect("the profile's folder lies in the target folder").to_path_buf()
}

/// `<target>/<profile>`, where cargo puts the binaries of this build.
pub fn profile_dir() -> PathBuf {
    let exe = std::env::current_exe().expect("the test binary has a path");
    let dir = exe.parent().expect("the test binary lies in a folder");
    if dir.ends_with("deps") {
        dir.parent().expect("deps lies in the profile's folder").to_path_buf()
    } else {
        dir.to_path_buf()
    }
}

/// Returns `dir`, made by `make` unless it was made before with the same `recipe`.
///
/// A folder that was left half made, or made with another recipe, is removed and made again. Processes wait for each other.
pub fn folder(dir: PathBuf, recipe: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let beside = |suffix| PathBuf::from(format!("{}.{suffix}", dir.display()));
    let stamp = beside("recipe");
    let _lock = lock(&beside("lock"))?;
    if fs::read_to_string(&stamp).is_ok_and(|made_with| made_with == recipe) {
        return Ok(dir);
    }
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("removing the outdated {}", dir.display()))?;
    }
    fs::create_dir_all(&dir)?;
    make(&dir).with_context(|| format!("making {}", dir.display()))?;
    fs::write(&stamp, recipe)?;
    Ok(dir)
}

/// Holds the file's lock until the returned file is dropped.
pub fn lock(path: &Path) -> Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = File::create(path)?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}
