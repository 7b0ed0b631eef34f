//! The ways in which a suite's tables lie in files.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::ordered_files;
use crate::duckdb::DuckDb;

/// Changes with anything that changes the files.
pub(super) const RECIPE: &str = "layouts v1";

/// Below, a table is one file in every layout.
const SMALL_TABLE_ROWS: usize = 2000;

/// Small, so that even small files have several.
const ROW_GROUP_ROWS: usize = 4096;

/// Each is a folder of the suite with a folder for each table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Large tables are several files of unequal size.
    Parquet,
    /// Parquet whose files are sorted and say so (`sorting_columns`), as does the table (`WITH ORDER`): in half of the tables each file goes on where the last one ended,
    /// in the other half the files' ranges overlap.
    Ordered,
    /// Every table is one Parquet file, not compressed, so that it is large enough to be cut.
    SingleFile,
    /// Text between bars, NULL as `\N`, no header: LazySimpleSerDe.
    Csv,
    /// Quoted text between commas, NULL as `\N` without quotes, with a header, compressed: OpenCSVSerde.
    CsvGzip,
}

/// A table as it lies in the raw file.
#[derive(Debug)]
pub struct Table {
    pub name: String,
    pub(super) schema: SchemaRef,
    pub(super) rows: usize,
    /// What the files of [`Layout::Ordered`] are sorted by.
    pub(super) sorted_by: Vec<String>,
    pub(super) raw: PathBuf,
}

impl Layout {
    pub const ALL: [Self; 5] = [Self::Parquet, Self::Ordered, Self::SingleFile, Self::Csv, Self::CsvGzip];

    /// Fit for a folder and for a part of a database's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Ordered => "ordered",
            Self::SingleFile => "single_file",
            Self::Csv => "csv",
            Self::CsvGzip => "csv_gzip",
        }
    }

    /// `CREATE EXTERNAL TABLE` in Athena's Hive form.
    pub fn ddl(self, table: &Table, name: &str, location: &str) -> String {
        let columns: Vec<_> = table
            .schema
            .fields()
            .iter()
            .map(|field| format!("`{}` {}", field.name(), hive_type(field.data_type())))
            .collect();
        let stored = match self {
            Self::Parquet | Self::Ordered | Self::SingleFile => "STORED AS PARQUET",
            Self::Csv => r"ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' NULL DEFINED AS '\N' STORED AS TEXTFILE",
            Self::CsvGzip => {
                r"ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' WITH SERDEPROPERTIES ('serialization.null.format' = '\N') STORED AS TEXTFILE"
            }
        };
        let properties = match self {
            Self::CsvGzip => " TBLPROPERTIES ('skip.header.line.count' = '1')",
            _ => "",
        };
        let order = match self {
            Self::Ordered => {
                let columns: Vec<_> = table.sorted_by.iter().map(|column| format!("`{column}`")).collect();
                format!(" WITH ORDER ({})", columns.join(", "))
            }
            _ => String::new(),
        };
        format!(
            "CREATE EXTERNAL TABLE {name} ({}) {stored}{order} LOCATION '{location}'{properties}",
            columns.join(", ")
        )
    }

    fn file_count(self, table: &Table) -> usize {
        match self {
            Self::SingleFile => 1,
            _ if table.rows < SMALL_TABLE_ROWS => 1,
            _ => 2 + parity(&table.name) % 4,
        }
    }

    /// The statement that has DuckDB write rows `first..last` of a table.
    fn copy(self, table: &Table, first: usize, last: usize, folder: &Path, file: usize) -> Option<String> {
        let (extension, options) = match self {
            Self::Parquet => {
                ("parquet", format!("FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"))
            }
            Self::SingleFile => {
                ("parquet", format!("FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"))
            }
            Self::Csv => ("txt", r"FORMAT csv, DELIMITER '|', QUOTE '', NULLSTR '\N', HEADER false".to_owned()),
            Self::CsvGzip => {
                let texts: Vec<_> = table.schema.fields().iter().filter(|field| is_text(field.data_type())).collect();
                let texts = texts.iter().map(|field| format!("\"{}\"", field.name())).collect::<Vec<_>>().join(", ");
                let quoted = if texts.is_empty() { String::new() } else { format!(", FORCE_QUOTE ({texts})") };
                ("csv.gz", format!(r"FORMAT csv, NULLSTR '\N', HEADER true, COMPRESSION gzip{quoted}"))
            }
            Self::Ordered => return None,
        };
        Some(format!(
            "COPY (SELECT * EXCLUDE (file_row_number) FROM read_parquet('{}', file_row_number = true) \
             WHERE file_row_number >= {first} AND file_row_number < {last}) TO '{}' ({options})",
            table.raw.display(),
            folder.join(format!("part-{file}.{extension}")).display()
        ))
    }
}

/// Writes every layout below `dir`.
pub(super) fn write_all(dir: &Path, tables: &[Table]) -> Result<()> {
    let mut db = DuckDb::new();
    for layout in Layout::ALL {
        for table in tables {
            let folder = dir.join(layout.name()).join(&table.name);
            fs::create_dir_all(&folder)?;
            let cuts = cuts(table.rows, layout.file_count(table));
            if layout == Layout::Ordered {
                let overlapping = parity(&table.name).is_multiple_of(2);
                ordered_files::write(table, &folder, &cuts, overlapping, ROW_GROUP_ROWS)?;
            }
            for (file, (first, last)) in cuts.into_iter().enumerate() {
                if let Some(copy) = layout.copy(table, first, last, &folder, file + 1) {
                    db = db.statement(copy);
                }
            }
        }
    }
    db.perform()
}

/// Unequal parts: the second file is twice the first, the third three times.
fn cuts(rows: usize, files: usize) -> Vec<(usize, usize)> {
    let weight = |files: usize| files * (files + 1) / 2;
    (0..files).map(|file| (rows * weight(file) / weight(files), rows * weight(file + 1) / weight(files))).collect()
}

/// A number that differs between tables and stays as it is.
fn parity(name: &str) -> usize {
    name.bytes().map(usize::from).sum()
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn hive_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Int64 => "bigint".into(),
        DataType::Int32 => "int".into(),
        DataType::Int16 => "smallint".into(),
        text if is_text(text) => "string".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(_, _) => "timestamp".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        other => panic!("no suite has a column of type {other}"),
    }
}

/// The columns of a raw file and how many rows it has.
pub(super) fn describe(file: &Path) -> Result<(SchemaRef, usize)> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(file)?)?;
    let rows = reader.metadata().file_metadata().num_rows();
    Ok((reader.schema().clone(), usize::try_from(rows)?))
}

/// All rows of a raw file, in batches.
pub(super) fn read(file: &Path) -> Result<Vec<RecordBatch>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(file)?)?;
    Ok(reader.build()?.collect::<std::result::Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_table_are_unequal_and_leave_nothing_out() {
        assert_eq!(cuts(60, 3), [(0, 10), (10, 30), (30, 60)]);
        assert_eq!(cuts(7, 1), [(0, 7)]);
        assert_eq!(cuts(0, 1), [(0, 0)]);
    }
}
