//! The programs of this build: `arachne` and `bootstrap`.
//!
//! `cargo test --workspace` builds them, because their own packages have integration tests. When only this package is tested they may be
//! missing or older than their sources; then cargo is asked to build them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

use crate::kept;

static ARACHNE: LazyLock<PathBuf> = LazyLock::new(|| find("arachne"));
static BOOTSTRAP: LazyLock<PathBuf> = LazyLock::new(|| find("bootstrap"));
static ARACHNE_BENCH: LazyLock<PathBuf> = LazyLock::new(|| find("arachne-bench"));

/// The command line.
pub fn arachne() -> &'static Path {
    &ARACHNE
}

/// The Lambda function.
pub fn bootstrap() -> &'static Path {
    &BOOTSTRAP
}

/// The measurements.
pub fn arachne_bench() -> &'static Path {
    &ARACHNE_BENCH
}

fn find(name: &str) -> PathBuf {
    let binary = kept::profile_dir().join(name);
    if !is_fresh(&binary) {
        build(name).expect("cargo builds the program");
    }
    binary
}

/// Whether the program was built of this checkout, and no source that was there when this test was built is newer. Later edits do not
/// count: the test does not know them either.
fn is_fresh(binary: &Path) -> bool {
    let built = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    let Ok(binary_time) = built(binary) else { return false };
    let test_time = std::env::current_exe().and_then(|exe| built(&exe)).unwrap_or(SystemTime::UNIX_EPOCH);
    // `target: source source …`, spaces in names escaped: a workspace in such a folder is built once more than needed.
    let Ok(sources) = fs::read_to_string(binary.with_extension("d")) else { return false };
    let Some(checkout) = Path::new(env!("CARGO_MANIFEST_DIR")).parent() else { return false };
    let mut sources = sources.split_whitespace().skip(1).map(Path::new);
    sources.all(|source| {
        source.starts_with(checkout) && built(source).is_ok_and(|time| time <= binary_time || time > test_time)
    })
}

fn build(name: &str) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = kept::profile_dir();
    let profile = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    let output = Command::new(cargo)
        // Of the workspace: one package alone has dependencies with fewer features, all of which would be built once more.
        .args(["build", "--workspace", "--bin", name, "--profile", profile])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", kept::target_dir())
        // Of the test that runs: `ring` is built anew when it changes, and all that stands on it, here and again in the next `cargo test`.
        .env_remove("CARGO_MANIFEST_DIR")
        .output()
        .context("starting cargo")?;
    ensure!(output.status.success(), "cargo could not build {name}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
