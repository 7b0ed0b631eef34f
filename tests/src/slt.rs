//! SQL logic tests: the files `tests/slt/*.slt`, each run over every compute.
//!
//! The form is sqllogictest's. What is expected was written by DuckDB over the same files (see [`Mode::DuckDb`]), and every run checks
//! that DuckDB still says so; where Athena differs from DuckDB, the record stands under `onlyif arachne` with a comment that says why.
//!
//! - `include tables.slt` declares the tables; `$LAKE` is the place of their files.
//! - A comment `# duckdb: SELECT …` before a record is the same question in DuckDB's words.
//! - Strings stand in quotes where they are empty, hold a blank or read as NULL; a newline is `\n`. Floats have 12 digits, exact numbers
//!   no needless zeros. A column is `I` (whole numbers), `R` (other numbers), `T` (all else) or `?` (nulls only).

mod cell;
mod database;
mod files;
mod update;

use std::path::{Path, PathBuf};

use sqllogictest::{DefaultColumnType, QueryExpect, Record, Runner, StatementExpect, parse_with_name};

use crate::engine::{Engine, Width};
use crate::sandbox::Sandbox;
use database::Database;

pub(crate) type SltRecord = Record<DefaultColumnType>;

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The coordinator alone, over local files.
    Embedded,
    /// Tasks in this process, over local files.
    Tasks,
    /// Worker processes of the sandbox's Lambda, over its S3.
    Lambda,
    /// gRPC workers that are processes of their own, over the sandbox's S3.
    Cluster,
    /// DuckDB, over local files: are the expected results those of an independent engine? With `ARACHNE_UPDATE_SLT` in the environment,
    /// its results are written into the file instead.
    DuckDb,
}

/// Where the .slt files are.
pub fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("slt")
}

/// Runs one file to its end and panics with everything that was wrong.
pub fn run(name: &str, mode: Mode) {
    let file = format!("{name}.slt");
    let database = Database::start(mode);
    let mut runner = Runner::new(|| {
        let database = database.clone();
        async move { Ok(database) }
    });
    runner.with_normalizer(cell::unchanged);
    runner.with_column_validator(cell::same_types);
    runner.add_label(mode.label());
    if mode == Mode::DuckDb && std::env::var_os("ARACHNE_UPDATE_SLT").is_some() {
        return update::rewrite(&dir().join(&file), &mut runner);
    }
    let mut failures = Vec::new();
    let mut checked = 0;
    for record in records(&file, mode) {
        if matches!(record, Record::Halt { .. }) {
            break;
        }
        checked += usize::from(matches!(record, Record::Query { .. } | Record::Statement { .. }));
        if let Err(failure) = runner.run(record) {
            failures.push(failure.to_string());
        }
    }
    assert!(checked > 0, "{file} asks nothing");
    assert!(
        failures.is_empty(),
        "{} of {checked} records fail under {mode:?}:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

impl Mode {
    fn label(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Tasks => "tasks",
            Self::Lambda => "lambda",
            Self::Cluster => "cluster",
            Self::DuckDb => "duckdb",
        }
    }

    fn engine(self) -> Option<Engine> {
        let width = |tasks| Width { tasks, partitions: 2 };
        match self {
            Self::Embedded => Some(Engine::embedded()),
            Self::Tasks => Some(Engine::tasks(width(3))),
            Self::Lambda => Some(Engine::lambda(Sandbox::shared(), width(2))),
            Self::Cluster => Some(Engine::cluster(Sandbox::shared(), width(3))),
            Self::DuckDb => None,
        }
    }

    fn lake(self) -> String {
        match self {
            Self::Embedded | Self::Tasks => format!("file://{}", files::local().display()),
            Self::Lambda | Self::Cluster => files::in_sandbox().to_owned(),
            Self::DuckDb => files::local().display().to_string(),
        }
    }
}

/// The records of a file as `mode` is to run them, with those of the files it includes.
fn records(file: &str, mode: Mode) -> Vec<SltRecord> {
    let mut records = Vec::new();
    let mut comment = Comment::default();
    for record in parse(file) {
        comment.see(&record);
        match record {
            Record::Include { filename, .. } => records.extend(self::records(&filename, mode)),
            record if mode == Mode::DuckDb => records.extend(comment.in_duckdb_s_words(record)),
            record => records.push(record),
        }
    }
    records
}

fn parse(file: &str) -> Vec<SltRecord> {
    let text = std::fs::read_to_string(dir().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    parse_with_name(&text, file).unwrap_or_else(|error| panic!("{error}"))
}

/// The comment right before a record, which may hold DuckDB's words for it.
#[derive(Default)]
struct Comment {
    lines: Vec<String>,
}

impl Comment {
    fn see(&mut self, record: &SltRecord) {
        match record {
            Record::Comment(lines) => self.lines.clone_from(lines),
            Record::Newline => self.lines.clear(),
            _ => {}
        }
    }

    /// None for a record that says nothing about DuckDB: the words of an error are ours.
    fn in_duckdb_s_words(&mut self, mut record: SltRecord) -> Option<SltRecord> {
        match &mut record {
            Record::Query { sql, expected, .. } => {
                self.put_into(sql);
                matches!(expected, QueryExpect::Results { .. }).then_some(record)
            }
            Record::Statement { sql, expected, .. } => {
                self.put_into(sql);
                (!matches!(expected, StatementExpect::Error(_))).then_some(record)
            }
            _ => Some(record),
        }
    }

    fn put_into(&mut self, sql: &mut String) {
        let lines = std::mem::take(&mut self.lines);
        let words: Vec<_> = lines.iter().filter_map(|line| line.trim().strip_prefix("duckdb:")).collect();
        if !words.is_empty() {
            *sql = words.join("\n");
        }
    }
}
