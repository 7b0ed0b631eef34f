//! TPC-H by tpchgen.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use arachne_tests::tpch::{QUERIES, TABLES, TpchTable};
use arrow::csv::WriterBuilder;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression as ParquetCompression;
use parquet::file::properties::WriterProperties;
use tpchgen_arrow::RecordBatchIterator;

use super::Query;
use crate::run::job::Format;

pub(super) const RECIPE: &str = "tpchgen-arrow 3.0, snappy, row groups of 250000 rows, no Arrow schema, v2";

const ROW_GROUP_ROWS: usize = 250_000;

pub(super) fn queries() -> Vec<Query> {
    QUERIES.iter().map(|query| Query::numbered(query.number, query.sql.trim().trim_end_matches(';'))).collect()
}

pub(super) fn write(dir: &Path, scale: f64, format: Format) -> Result<()> {
    for table in &TABLES {
        let folder = dir.join(table.name);
        fs::create_dir_all(&folder)?;
        let parts = TpchTable { name: table.name, files: file_count(table.name, scale, format) };
        for file in 1..=parts.files {
            let path = folder.join(format!("part-{file:03}.{}", format.name()));
            let rows = parts.rows(scale, file);
            match format {
                Format::Parquet => write_parquet(&path, rows)?,
                Format::Csv => drop(write_csv(File::create(path)?, rows)?),
                Format::CsvGzip => {
                    let gzip = GzEncoder::new(File::create(path)?, Compression::fast());
                    write_csv(gzip, rows)?.finish()?.flush()?;
                }
            }
        }
    }
    Ok(())
}

/// So many that a file has 8 to 64 MiB where the table is that large: at scale 1, Parquet of `lineitem` is about 200 MB and text 750 MB.
fn file_count(table: &str, scale: f64, format: Format) -> i32 {
    let parquet = match table {
        "lineitem" => 8.0,
        "orders" => 3.0,
        "partsupp" => 2.0,
        "customer" | "part" => 1.0,
        _ => return 1,
    };
    let of_format = match format {
        Format::Parquet => parquet,
        Format::Csv | Format::CsvGzip => parquet * 2.0,
    };
    ((of_format * scale).round() as i32).max(1)
}

/// Without the hint how Arrow had it in memory, as programs that do not use Arrow write it: not every engine reads every hint.
pub(super) fn write_parquet(path: &Path, rows: Box<dyn RecordBatchIterator>) -> Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(ParquetCompression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(File::create(path)?, rows.schema().clone(), options)?;
    for batch in rows {
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(())
}

fn write_csv<W: Write>(to: W, rows: Box<dyn RecordBatchIterator>) -> Result<W> {
    let mut writer = WriterBuilder::new().with_header(true).build(to);
    for batch in rows {
        writer.write(&batch)?;
    }
    Ok(writer.into_inner())
}
