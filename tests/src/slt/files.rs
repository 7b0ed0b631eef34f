//! The files behind the tables, made once under the target folder.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use anyhow::{Result, anyhow};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;

use crate::duckdb::DuckDbSession;
use crate::kept;
use crate::sandbox::Sandbox;
use crate::tpch::files_below;

/// Changes with what is written here; the other files are part of the recipe themselves.
const RECIPE: &str = "v1";
/// What DuckDB writes.
const TABLES: &str = include_str!("../../slt/tables.sql");

static LOCAL: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = kept::target_dir().join("arachne-data/slt");
    kept::folder(dir, &recipe().expect("the text files"), write_all).expect("files for the .slt files")
});

/// The folder with all of them.
pub(super) fn local() -> &'static Path {
    &LOCAL
}

/// The same below `s3://lake/slt`, without a slash at the end.
pub(super) fn in_sandbox() -> &'static str {
    static URL: LazyLock<String> = LazyLock::new(|| Sandbox::shared().upload(local(), "slt").expect("the files go up"));
    URL.trim_end_matches('/')
}

fn text_files() -> Result<Vec<(String, PathBuf)>> {
    files_below(&super::dir().join("data"))
}

fn recipe() -> Result<String> {
    let mut recipe = format!("{RECIPE}\n{TABLES}\n");
    for (name, path) in text_files()? {
        recipe += &format!("{name}: {:?}\n", std::fs::read_to_string(path)?);
    }
    Ok(recipe)
}

fn write_all(dir: &Path) -> Result<()> {
    for (name, path) in text_files()? {
        let copy = dir.join(&name);
        std::fs::create_dir_all(copy.parent().unwrap_or(dir))?;
        std::fs::copy(&path, copy)?;
        if let Some(name) = name.strip_prefix("csv_quoted/") {
            write_gzip(&dir.join("csv_gzip").join(format!("{name}.gz")), &std::fs::read(path)?)?;
        }
    }
    std::fs::create_dir_all(dir.join("no_files"))?;
    write_sorted(&dir.join("sorted"))?;
    write_with_duckdb(dir)
}

fn write_with_duckdb(dir: &Path) -> Result<()> {
    let mut session = DuckDbSession::start()?;
    for statement in TABLES.split(";\n") {
        if let Some((_, path)) = statement.split_once("TO '$LAKE/") {
            let path = path.split('\'').next().unwrap_or_default();
            std::fs::create_dir_all(dir.join(path).parent().unwrap_or(dir))?;
        }
        let statement = statement.replace("$LAKE", &dir.display().to_string());
        if !statement.trim().is_empty() {
            session.ask(&statement)?.map_err(|error| anyhow!("{statement}: {error}"))?;
        }
    }
    Ok(())
}

fn write_gzip(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut encoder = GzEncoder::new(File::create(path)?, Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok(())
}

/// `sorted(k, v, name)`: three files that say they are sorted by `k`, interleaving, of several row groups each.
fn write_sorted(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    for number in 0..3_i64 {
        let keys: Vec<i64> = (0..100).map(|row| row / 2 * 3 + number).collect();
        let columns: [(&str, ArrayRef); 3] = [
            ("k", Arc::new(keys.iter().copied().collect::<Int64Array>())),
            ("v", Arc::new((0..100).map(|row| row * 7 % 101).collect::<Int64Array>())),
            ("name", Arc::new(StringArray::from_iter_values(keys.iter().map(|k| format!("name {}", k % 10))))),
        ];
        let batch = RecordBatch::try_from_iter(columns)?;
        let by_k = SortingColumn { column_idx: 0, descending: false, nulls_first: false };
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(25))
            .set_sorting_columns(Some(vec![by_k]))
            .build();
        let file = File::create(dir.join(format!("{number}.parquet")))?;
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties))?;
        writer.write(&batch)?;
        writer.close()?;
    }
    Ok(())
}
