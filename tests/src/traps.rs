//! Small tables on which a distributed plan answers wrongly when it takes one shortcut too many.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::Result;
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;

use crate::duckdb::DuckDb;
use crate::kept;

/// Changes with anything that changes the files.
const RECIPE: &str = "v1";

/// Rows of `single`; `v` is a permutation of them, since the modulus is a prime above it.
pub const SINGLE_ROWS: i64 = 49_995;
const PRIME: i64 = 49_999;

/// `single(k, v)` is one file of many row groups; `other(k, w)` three files with the same keys; `ordered(k, v)` four files, each sorted by
/// `k` and declaring so, that interleave; `sales(date_id, category, brand, price)` and `dates(date_id, year, month)` a small star.
pub struct TrapTables {
    dir: PathBuf,
}

static SHARED: LazyLock<TrapTables> = LazyLock::new(|| {
    let dir = kept::target_dir().join("arachne-data/traps");
    TrapTables { dir: kept::folder(dir, RECIPE, write_all).expect("tables of traps") }
});

impl TrapTables {
    /// Tables and their columns in Hive's words.
    pub const COLUMNS: [(&str, &str); 5] = [
        ("single", "k bigint, v bigint"),
        ("other", "k bigint, w bigint"),
        ("ordered", "k bigint, v bigint"),
        ("sales", "date_id bigint, category string, brand string, price bigint"),
        ("dates", "date_id bigint, `year` bigint, `month` bigint"),
    ];

    pub fn shared() -> &'static Self {
        &SHARED
    }

    pub fn dir(&self, table: &str) -> PathBuf {
        self.dir.join(table)
    }

    pub fn duckdb(&self) -> DuckDb {
        Self::COLUMNS.iter().fold(DuckDb::new(), |db, (table, _)| db.parquet(table, &self.dir(table)))
    }
}

fn write_all(dir: &Path) -> Result<()> {
    let single = [("k", ints(0..SINGLE_ROWS)), ("v", ints((0..SINGLE_ROWS).map(|i| i * 7919 % PRIME)))];
    write(dir, "single", 1, single, Sorting::Unknown)?;
    for file in 0..3 {
        let keys = || (0..SINGLE_ROWS).filter(move |i| i % 3 == file);
        write(dir, "other", file + 1, [("k", ints(keys())), ("w", ints(keys().map(|k| k * 3 + 1)))], Sorting::Unknown)?;
    }
    for file in 0..4 {
        let rows = 0..6000_i64;
        let columns =
            [("k", ints(rows.clone().map(|i| i / 3 * 4 + i % 4))), ("v", ints(rows.map(|i| i * 31 % 6007 + file)))];
        write(dir, "ordered", file + 1, sorted_by_first(columns), Sorting::FirstColumn)?;
    }
    for file in 0..3 {
        let rows = || (0..9000_i64).map(move |i| i * 3 + file);
        let columns: [(&str, ArrayRef); 4] = [
            ("date_id", ints(rows().map(|i| i * 17 % (3 * 12 * 28)))),
            ("category", strings(rows().map(|i| format!("category {}", i % 5)))),
            ("brand", strings(rows().map(|i| format!("brand number {}", i % 23)))),
            ("price", ints(rows().map(|i| i * 37 % 1009))),
        ];
        write(dir, "sales", file + 1, columns, Sorting::Unknown)?;
    }
    let days = || 0..3 * 12 * 28_i64;
    let dates = [
        ("date_id", ints(days())),
        ("year", ints(days().map(|d| 1998 + d / (12 * 28)))),
        ("month", ints(days().map(|d| d / 28 % 12 + 1))),
    ];
    write(dir, "dates", 1, dates, Sorting::Unknown)
}

enum Sorting {
    Unknown,
    /// Ascending by the first column, and said so in the file's metadata.
    FirstColumn,
}

fn write<const N: usize>(
    dir: &Path,
    table: &str,
    file: i64,
    columns: [(&str, ArrayRef); N],
    sorting: Sorting,
) -> Result<()> {
    let folder = dir.join(table);
    std::fs::create_dir_all(&folder)?;
    let sorting = match sorting {
        Sorting::Unknown => None,
        Sorting::FirstColumn => Some(vec![SortingColumn { column_idx: 0, descending: false, nulls_first: false }]),
    };
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(1000)).set_sorting_columns(sorting).build();
    let batch = RecordBatch::try_from_iter(columns)?;
    let file = File::create(folder.join(format!("part-{file}.parquet")))?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

fn sorted_by_first<const N: usize>(columns: [(&'static str, ArrayRef); N]) -> [(&'static str, ArrayRef); N] {
    let order = arrow::compute::sort_to_indices(&columns[0].1, None, None).expect("integers sort");
    columns.map(|(name, column)| (name, arrow::compute::take(&column, &order, None).expect("indices fit")))
}

fn ints(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn strings(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}
