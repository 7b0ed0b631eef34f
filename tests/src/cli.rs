//! The program `arachne`, run as a user runs it, with a catalog of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::binaries;
use crate::sandbox::{self, EXCHANGE, FUNCTION, Sandbox};

/// A user: home folder and catalog, kept from call to call.
pub struct Cli {
    home: TempDir,
    /// Of a sandbox that it sees as AWS.
    sandbox: Option<Vec<(String, String)>>,
}

/// How a call ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Cli {
    /// Without any AWS configuration.
    pub fn new() -> Self {
        Self { home: sandbox::temporary_dir("home").expect("a home folder"), sandbox: None }
    }

    /// With the sandbox as AWS, and its function as the workers.
    pub fn in_sandbox(sandbox: &Sandbox) -> Self {
        Self { sandbox: Some(sandbox.environment().to_vec()), ..Self::new() }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file of the user and returns its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder is made");
        std::fs::write(&path, bytes).expect("a file is written");
        path
    }

    /// `arachne …`, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = sandbox::isolated(binaries::arachne());
        command
            .envs(self.sandbox.iter().flatten().cloned())
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME")
            .env("ARACHNE_CATALOG__PATH", self.home.path().join("catalog.sqlite"));
        if self.sandbox.is_some() {
            command
                .env("ARACHNE_COMPUTE__LAMBDA__FUNCTION", FUNCTION)
                .env("ARACHNE_EXCHANGE__LOCATION", format!("s3://{EXCHANGE}/cli/"));
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.command(arguments).stdin(Stdio::null()).output().expect("arachne starts").into()
    }

    /// `arachne sql -c SQL …`.
    pub fn sql(&self, sql: &str, more: &[&str]) -> Run {
        self.run(&[&["sql", "-c", sql], more].concat())
    }

    /// With something on standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Run {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("arachne starts");
        child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads its input");
        child.wait_with_output().expect("arachne ends").into()
    }
}

impl Default for Cli {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            // A signal is no exit status; none is promised.
            code: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Run {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The output of a call that ended well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, 0, "exit status\nstdout: {}\nstderr: {}", self.text(), self.stderr);
        self
    }

    /// A call that ended with 1 and says all of this on standard error.
    #[track_caller]
    pub fn fails_saying(self, words: &[&str]) -> Self {
        assert_eq!(self.code, 1, "exit status\nstdout: {}\nstderr: {}", self.text(), self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in: {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}
