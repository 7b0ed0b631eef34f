//! Python virtual environments with the programs that the engine is compared with and spoken to by.
//!
//! One environment per program, so that a test run installs only what it uses. Versions that answers depend on are pinned.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};

use crate::kept;

static DUCKDB: LazyLock<Venv> = LazyLock::new(|| {
    Venv::make(
        "duckdb",
        &[
            "duckdb==1.5.5",
            "duckdb-extensions==1.5.5",
            "duckdb-extension-tpch==1.5.5",
            "duckdb-extension-tpcds==1.5.5",
            "duckdb-extension-httpfs==1.5.5",
        ],
    )
});
static AWS_CLI: LazyLock<Venv> = LazyLock::new(|| Venv::make("awscli", &["awscli>=1.46,<2"]));
// Its dependency, a compiler of 300 MB, is for building functions; we only run the emulator.
static CARGO_LAMBDA: LazyLock<Venv> =
    LazyLock::new(|| Venv::make("cargo-lambda", &["--no-deps", "cargo-lambda==1.9.2"]));

// Speaks HTTP as people's scripts do, reads what comes back, and tries everything that the OpenAPI document allows and forbids.
static HTTP: LazyLock<Venv> = LazyLock::new(|| {
    Venv::make("http", &["requests==2.34.2", "schemathesis==4.32.5", "pyarrow==26.0.1", "duckdb==1.5.5"])
});

// Everything that speaks to the Flight SQL door by ADBC.
static FLIGHT_SQL: LazyLock<Venv> = LazyLock::new(|| {
    Venv::make(
        "flight-sql",
        &[
            "adbc-driver-flightsql==1.13.0",
            "adbc-driver-manager==1.13.0",
            "duckdb==1.5.5",
            "pandas==3.1.1",
            "polars==2.1.0",
            "pyarrow==26.0.1",
            "sqlalchemy==2.1.9",
            "sqlalchemy-adbc==0.3.0",
        ],
    )
});
// Needs an older SQLAlchemy.
static FLIGHTSQL_DBAPI: LazyLock<Venv> = LazyLock::new(|| {
    Venv::make(
        "flightsql-dbapi",
        &["flightsql-dbapi==0.2.2", "pandas==3.1.1", "protobuf==7.36.2", "pyarrow==26.0.1", "sqlalchemy==1.4.54"],
    )
});

/// A folder with a Python and what was installed into it.
#[derive(Debug)]
pub struct Venv {
    dir: PathBuf,
}

impl Venv {
    pub fn duckdb() -> &'static Self {
        &DUCKDB
    }

    pub fn aws_cli() -> &'static Self {
        &AWS_CLI
    }

    pub fn cargo_lambda() -> &'static Self {
        &CARGO_LAMBDA
    }

    pub fn http() -> &'static Self {
        &HTTP
    }

    pub fn flight_sql() -> &'static Self {
        &FLIGHT_SQL
    }

    pub fn flightsql_dbapi() -> &'static Self {
        &FLIGHTSQL_DBAPI
    }

    /// The path of an installed program.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }

    /// A command that runs an installed program.
    pub fn command(&self, name: &str) -> Command {
        Command::new(self.program(name))
    }

    /// An environment with what a file of pip's lists, and nothing else: what those packages need, it lists too.
    pub fn of_requirements(name: &str, file: &Path) -> Result<Self> {
        let listed = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let file = file.display().to_string();
        Self::try_make(name, &listed, &["--no-deps", "--requirement", &file])
    }

    fn make(name: &str, packages: &[&str]) -> Self {
        let made = Self::try_make(name, &packages.join(" "), packages);
        made.expect("a virtual environment (needs python3 with venv, and pip's package index)")
    }

    fn try_make(name: &str, recipe: &str, arguments: &[&str]) -> Result<Self> {
        let dir = kept::target_dir().join("arachne-venv").join(name);
        // Programs of an environment name its folder: one that was moved is made again.
        let recipe = format!("{recipe} in {}", dir.display());
        let dir = kept::folder(dir, &recipe, |dir| install(dir, arguments))?;
        Ok(Self { dir })
    }
}

fn install(dir: &Path, what: &[&str]) -> Result<()> {
    run(Command::new("python3").args(["-m", "venv"]).arg(dir))?;
    let pip = dir.join("bin/pip");
    run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check"]).args(what))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
