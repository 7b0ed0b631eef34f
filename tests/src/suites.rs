//! The suites of queries whose answers an independent engine gives: TPC-H, TPC-DS and a table of ClickBench's shape.
//!
//! Each is made once under the target folder: the rows as one Parquet file a table (`raw/`), the same rows in every [`Layout`], and
//! DuckDB's answers.

mod clickbench;
mod layout;
mod ordered_files;
mod question;
mod tpcds;
mod tpch;

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

use anyhow::{Context, Result};

use crate::answer::{Answer, Expected, Slack};
use crate::duckdb::DuckDb;
use crate::engine::Engine;
use crate::kept;
use question::Question;

pub use clickbench::{queries as clickbench_queries, rows as clickbench_rows};
pub use layout::{Layout, Table};
pub use tpcds::{TABLES as TPCDS_TABLES, queries as tpcds_queries, units as tpcds_units};

/// Tables, and queries over them.
#[derive(Debug)]
pub struct Suite {
    pub name: &'static str,
    pub tables: Vec<Table>,
    pub queries: Vec<Query>,
    dir: PathBuf,
    units: fn(usize) -> u32,
    expected: OnceLock<Vec<Expected>>,
}

/// One query, in words that both engines understand.
#[derive(Debug, Clone)]
pub struct Query {
    /// As the suite counts: TPC's from 1, ClickBench's from 0.
    pub number: usize,
    pub sql: String,
}

/// What makes a suite: how its raw files are written into a folder, what the files are sorted by, and its queries.
struct Recipe {
    name: &'static str,
    /// Changes with anything that changes the raw files.
    recipe: String,
    tables: &'static [&'static str],
    write_raw: fn(&Path) -> Result<()>,
    sorted_by: fn(table: &str) -> &'static [&'static str],
    queries: fn(&Path) -> Result<Vec<Query>>,
    /// By how many units of its scale a decimal of a query's answer may be off DuckDB's float; 1 for most.
    units: fn(number: usize) -> u32,
}

static TPCH: LazyLock<Suite> = LazyLock::new(|| Suite::make(tpch::recipe()));
static TPCDS: LazyLock<Suite> = LazyLock::new(|| Suite::make(tpcds::recipe()));
static CLICKBENCH: LazyLock<Suite> = LazyLock::new(|| Suite::make(clickbench::recipe()));

impl Suite {
    pub fn tpch() -> &'static Self {
        &TPCH
    }

    pub fn tpcds() -> &'static Self {
        &TPCDS
    }

    pub fn clickbench() -> &'static Self {
        &CLICKBENCH
    }

    pub fn query(&self, number: usize) -> &Query {
        self.queries.iter().find(|query| query.number == number).expect("a query of this number")
    }

    /// What a query may answer.
    pub fn expected(&self, number: usize) -> &Expected {
        let all = self.expected.get_or_init(|| self.ask_duckdb().expect("DuckDB's answers"));
        let index = self.queries.iter().position(|query| query.number == number);
        &all[index.expect("a query of this number")]
    }

    /// DuckDB's answers to the queries as they stand, LIMIT and all.
    pub fn duckdb_answers(&self) -> Result<Vec<Answer>> {
        let asked: Vec<_> = self.queries.iter().map(|query| query.sql.as_str()).collect();
        self.duckdb().kept_answers(&self.dir.join("answers"), &asked)
    }

    /// The folder of one layout, with a folder for each table.
    pub fn dir(&self, layout: Layout) -> PathBuf {
        self.dir.join(layout.name())
    }

    /// The database that [`Self::create_tables`] makes for a layout.
    pub fn database(&self, layout: Layout) -> String {
        format!("{}_{}", self.name, layout.name())
    }

    /// Makes the tables of one layout known to an engine, `url` being that of the layout's folder.
    pub fn create_tables(&self, engine: &Engine, layout: Layout, url: &str) {
        let database = self.database(layout);
        let tables = self
            .tables
            .iter()
            .map(|table| layout.ddl(table, &format!("{database}.{}", table.name), &format!("{url}{}/", table.name)));
        for ddl in std::iter::once(format!("CREATE DATABASE {database}")).chain(tables) {
            engine.run(&ddl).unwrap_or_else(|error| panic!("{ddl}: {error}"));
        }
    }

    /// DuckDB with the tables over the raw files. It divides integers as the engine does: without a rest.
    pub fn duckdb(&self) -> DuckDb {
        let db = DuckDb::new().statement("SET integer_division = true");
        self.tables
            .iter()
            .fold(db, |db, table| db.view(&table.name, &format!("read_parquet('{}')", table.raw.display())))
    }

    fn make(recipe: Recipe) -> Self {
        Self::try_make(&recipe).unwrap_or_else(|error| panic!("the suite {}: {error:#}", recipe.name))
    }

    fn try_make(recipe: &Recipe) -> Result<Self> {
        let dir = kept::target_dir().join("arachne-data/suites").join(format!("{}-{}", recipe.name, scale()));
        let dir = kept::folder(dir, &format!("{}, {}", recipe.recipe, layout::RECIPE), |dir| {
            std::fs::create_dir_all(dir.join("raw"))?;
            std::fs::create_dir_all(dir.join("answers"))?;
            (recipe.write_raw)(&dir.join("raw"))?;
            layout::write_all(dir, &tables(recipe, dir)?)
        })?;
        let queries = (recipe.queries)(&dir.join("answers"))?;
        Ok(Self {
            name: recipe.name,
            tables: tables(recipe, &dir)?,
            queries,
            dir,
            units: recipe.units,
            expected: OnceLock::new(),
        })
    }

    fn ask_duckdb(&self) -> Result<Vec<Expected>> {
        let asked: Vec<_> = self.queries.iter().map(|query| query.sql.as_str()).collect();
        let expected = expected_answers(&self.duckdb(), &self.dir.join("answers"), &asked);
        let expected = expected.with_context(|| format!("the queries of {}", self.name))?;
        let with_slack = |(expected, query): (Expected, &Query)| {
            expected.with_slack(Slack { units: (self.units)(query.number), ..Slack::default() })
        };
        Ok(expected.into_iter().zip(&self.queries).map(with_slack).collect())
    }
}

/// What queries may answer, by DuckDB: its answers are kept as a file in `cache`, which must not outlive the data.
pub fn expected_answers(db: &DuckDb, cache: &Path, queries: &[&str]) -> Result<Vec<Expected>> {
    let question = |sql: &&str| Question::of(sql).with_context(|| (*sql).to_owned());
    let questions = queries.iter().map(question).collect::<Result<Vec<_>>>()?;
    let asked: Vec<_> = questions.iter().map(|question| question.sql.as_str()).collect();
    let answers = db.kept_answers(cache, &asked)?;
    questions.iter().zip(answers).map(|(question, answer)| question.expected(answer)).collect()
}

/// `0.01`, or `ARACHNE_TEST_SCALE`: TPC's scale factor, of which ClickBench makes its number of rows.
fn scale() -> String {
    std::env::var("ARACHNE_TEST_SCALE").unwrap_or_else(|_| "0.01".into())
}

fn tables(recipe: &Recipe, dir: &Path) -> Result<Vec<Table>> {
    let table = |name: &&str| {
        let raw = dir.join("raw").join(format!("{name}.parquet"));
        let (schema, rows) = layout::describe(&raw).with_context(|| raw.display().to_string())?;
        let mut sorted_by: Vec<String> = (recipe.sorted_by)(name).iter().map(|name| (*name).to_owned()).collect();
        if sorted_by.is_empty() {
            sorted_by.push(schema.field(0).name().clone());
        }
        Ok(Table { name: (*name).to_owned(), schema, rows, sorted_by, raw })
    };
    recipe.tables.iter().map(table).collect()
}
