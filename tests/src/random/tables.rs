//! The tables that random queries are about.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::Result;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;

use super::predicate::Type;
use crate::duckdb::DuckDb;
use crate::kept;

/// Changes with anything that changes the files.
const RECIPE: &str = "v1";

/// The columns of every table.
pub(super) const COLUMNS: [(&str, Type); 7] = [
    ("k", Type::Integer),
    ("g", Type::Integer),
    ("s", Type::Text),
    ("d", Type::Decimal),
    ("t", Type::Date),
    ("f", Type::Float),
    ("b", Type::Boolean),
];

/// Tables and their rows: `several` files of unlike sizes, one without rows, with a heavy key; `single` a file of many row groups;
/// `sorted` files that declare an order by `k` and interleave; `tiny`; `nothing`.
pub(super) const TABLES: [(&str, f64); 5] =
    [("several", 190.0), ("single", 80.0), ("sorted", 90.0), ("tiny", 6.0), ("nothing", 0.0)];

pub struct RandomTables {
    dir: PathBuf,
}

static SHARED: LazyLock<RandomTables> = LazyLock::new(|| {
    let dir = kept::target_dir().join("arachne-data/random");
    RandomTables { dir: kept::folder(dir, RECIPE, write_all).expect("tables for random queries") }
});

impl RandomTables {
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// The statements that declare them.
    pub fn ddl(&self) -> Vec<String> {
        let columns = "k bigint, g int, s string, d decimal(12,2), t date, f double, b boolean";
        let table = |(name, _)| {
            let location = format!("file://{}/", self.dir.join(name).display());
            format!("CREATE EXTERNAL TABLE {name} ({columns}) STORED AS PARQUET LOCATION '{location}'")
        };
        TABLES.map(table).into()
    }

    pub fn duckdb(&self) -> DuckDb {
        TABLES.iter().fold(DuckDb::new(), |db, (table, _)| db.parquet(table, &self.dir.join(table)))
    }
}

fn write_all(dir: &Path) -> Result<()> {
    for (file, rows) in [0..9, 9..100, 100..100, 100..101, 101..190].into_iter().enumerate() {
        write(&dir.join("several"), file, rows_of(1, rows), Sorting::None)?;
    }
    write(&dir.join("single"), 0, rows_of(2, 0..80), Sorting::None)?;
    for file in 0..3 {
        write(&dir.join("sorted"), file, rows_of(3, file * 30..file * 30 + 30), Sorting::ByKey)?;
    }
    write(&dir.join("tiny"), 0, rows_of(4, 0..6), Sorting::None)?;
    write(&dir.join("nothing"), 0, rows_of(5, 0..0), Sorting::None)
}

/// Rows that are the same at every run: each value is drawn by a hash of its place.
fn rows_of(table: u64, rows: std::ops::Range<usize>) -> RecordBatch {
    let draw = |row: usize, column: u64, of: u64| scatter(table << 40 | column << 32 | row as u64) % of;
    let null = |row: usize, column: u64| draw(row, column + 100, 8) == 0;
    let strings = ["", "a", "b", "apple", "Apple", "zoë", "K", "ë", "aa", "a b", "'", "\n"];
    let some = |column: u64| rows.clone().map(move |row| (row, !null(row, column)));
    // A sixth of all rows has the same key.
    let key = |row| if draw(row, 0, 6) == 0 { 7 } else { draw(row, 1, 40) as i64 - 5 };
    let columns: [(&str, ArrayRef); 7] = [
        ("k", Arc::new(some(0).map(|(row, some)| some.then(|| key(row))).collect::<Int64Array>())),
        ("g", Arc::new(some(1).map(|(row, some)| some.then(|| draw(row, 2, 12) as i32)).collect::<Int32Array>())),
        (
            "s",
            Arc::new(
                some(2).map(|(row, some)| some.then(|| strings[draw(row, 3, 12) as usize])).collect::<StringArray>(),
            ),
        ),
        (
            "d",
            Arc::new(
                some(3)
                    .map(|(row, some)| some.then(|| i128::from(draw(row, 4, 60)) * 75 - 450))
                    .collect::<Decimal128Array>()
                    .with_precision_and_scale(12, 2)
                    .expect("small numbers"),
            ),
        ),
        (
            "t",
            Arc::new(
                some(4).map(|(row, some)| some.then(|| 19_720 + draw(row, 5, 70) as i32)).collect::<Date32Array>(),
            ),
        ),
        (
            "f",
            Arc::new(
                some(5).map(|(row, some)| some.then(|| draw(row, 6, 80) as f64 / 4.0 - 5.0)).collect::<Float64Array>(),
            ),
        ),
        ("b", Arc::new(some(6).map(|(row, some)| some.then(|| draw(row, 7, 2) == 0)).collect::<BooleanArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
        .expect("seven columns of one length")
}

/// SplitMix64: <https://prng.di.unimi.it/splitmix64.c>, public domain.
fn scatter(place: u64) -> u64 {
    let mut z = place.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[derive(PartialEq)]
enum Sorting {
    None,
    /// Ascending by `k`, and said so in the file's metadata.
    ByKey,
}

fn write(dir: &Path, file: usize, mut rows: RecordBatch, sorting: Sorting) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut properties = WriterProperties::builder().set_max_row_group_row_count(Some(16));
    if sorting == Sorting::ByKey {
        let by_k = SortColumn { values: Arc::clone(rows.column(0)), options: None };
        rows = take_record_batch(&rows, &lexsort_to_indices(&[by_k], None)?)?;
        properties = properties.set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: true,
        }]));
    }
    let file = File::create(dir.join(format!("{file}.parquet")))?;
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties.build()))?;
    writer.write(&rows)?;
    writer.close()?;
    Ok(())
}
