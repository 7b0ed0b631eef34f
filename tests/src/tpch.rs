//! TPC-H: generated data in each form that the engine reads, the 22 queries, and DuckDB's answers.

mod generate;
mod queries;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::Result;

use crate::answer::Answer;
use crate::duckdb::DuckDb;
use crate::kept;

pub(crate) use generate::RECIPE;
pub use generate::{TABLES, TpchTable};
pub use queries::{QUERIES, TpchQuery};

/// How the files are written. Each table is a folder; the large ones hold several files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    Parquet,
    /// With a header line, quoted where needed.
    Csv,
    CsvGzip,
}

/// One scale factor, under the target folder: `<dir>/<form>/<table>/part-N.<extension>`.
#[derive(Debug)]
pub struct Dataset {
    dir: PathBuf,
    scale: String,
}

/// The scale that tests run at: 0.01, where debug builds are bearable, or `ARACHNE_TEST_SCALE`.
static SHARED: LazyLock<Dataset> = LazyLock::new(|| {
    let scale = std::env::var("ARACHNE_TEST_SCALE").unwrap_or_else(|_| "0.01".into());
    Dataset::make(&scale).expect("TPC-H data")
});

impl Form {
    pub const ALL: [Self; 3] = [Self::Parquet, Self::Csv, Self::CsvGzip];

    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::CsvGzip => "csv-gzip",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::CsvGzip => "csv.gz",
        }
    }
}

impl Dataset {
    pub fn shared() -> &'static Self {
        &SHARED
    }

    fn make(scale: &str) -> Result<Self> {
        let dir = kept::target_dir().join("arachne-data").join(format!("tpch-{scale}"));
        let factor: f64 = scale.parse()?;
        let dir = kept::folder(dir, RECIPE, |dir| generate::write_all(dir, factor))?;
        Ok(Self { dir, scale: scale.into() })
    }

    /// The scale factor as it was written, fit for a name.
    pub fn scale(&self) -> &str {
        &self.scale
    }

    /// The folder of one form, with a folder for each table.
    pub fn form_dir(&self, form: Form) -> PathBuf {
        self.dir.join(form.name())
    }

    pub fn table_dir(&self, form: Form, table: &str) -> PathBuf {
        self.form_dir(form).join(table)
    }

    /// DuckDB with the eight tables over the Parquet files; the other forms hold the same rows.
    pub fn duckdb(&self) -> DuckDb {
        TABLES
            .iter()
            .fold(DuckDb::new(), |db, table| db.parquet(table.name, &self.table_dir(Form::Parquet, table.name)))
    }

    /// DuckDB's answers to any queries over the eight tables.
    pub fn answers(&self, queries: &[&str]) -> Result<Vec<Answer>> {
        let cache = self.dir.join("answers");
        std::fs::create_dir_all(&cache)?;
        self.duckdb().kept_answers(&cache, queries)
    }

    /// The answer to one of the 22.
    pub fn answer(&self, query: &TpchQuery) -> Result<Answer> {
        static ALL: std::sync::OnceLock<Vec<Answer>> = std::sync::OnceLock::new();
        let all = ALL.get_or_init(|| {
            let queries: Vec<_> = QUERIES.iter().map(|query| query.sql).collect();
            self.answers(&queries).expect("DuckDB's answers")
        });
        Ok(all[query.number - 1].clone())
    }
}

/// `CREATE EXTERNAL TABLE` in Athena's Hive form, for files of `form` below `location`.
pub fn ddl(table: &TpchTable, name: &str, form: Form, location: &str) -> String {
    let columns: Vec<_> =
        table.schema().fields().iter().map(|f| format!("`{}` {}", f.name(), hive_type(f.data_type()))).collect();
    let columns = columns.join(", ");
    let stored = match form {
        Form::Parquet => "STORED AS PARQUET",
        Form::Csv | Form::CsvGzip => "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' STORED AS TEXTFILE",
    };
    let properties = match form {
        Form::Parquet => "",
        Form::Csv | Form::CsvGzip => " TBLPROPERTIES ('skip.header.line.count'='1')",
    };
    format!("CREATE EXTERNAL TABLE {name} ({columns}) {stored} LOCATION '{location}'{properties}")
}

/// The name of a table in the engine's catalog: that of TPC-H for Parquet, with the form behind it for the others.
pub fn table_name(table: &str, form: Form) -> String {
    match form {
        Form::Parquet => table.to_owned(),
        Form::Csv | Form::CsvGzip => format!("{table}_{}", form.name().replace('-', "_")),
    }
}

fn hive_type(data_type: &arrow::datatypes::DataType) -> String {
    use arrow::datatypes::DataType as T;
    match data_type {
        T::Int64 => "bigint".into(),
        T::Int32 => "int".into(),
        T::Utf8View => "string".into(),
        T::Date32 => "date".into(),
        T::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        other => panic!("TPC-H has no column of type {other}"),
    }
}

/// Every file below a folder, with its path relative to it, in order.
pub fn files_below(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.strip_prefix(dir)?.to_str().expect("a name in UTF-8").to_owned(), path));
            }
        }
    }
    files.sort();
    Ok(files)
}
