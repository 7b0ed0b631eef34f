//! Writes the eight tables.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression as ParquetCompression;
use parquet::file::properties::WriterProperties;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RecordBatchIterator, RegionArrow,
    SupplierArrow,
};

use super::Form;

/// Changes with anything that changes the files.
pub(crate) const RECIPE: &str = "tpchgen-arrow 3.0, files by table, row groups of 8192 rows, v1";

/// Small, so that even small tables have several and a file can be cut between tasks.
const ROW_GROUP_ROWS: usize = 8192;

/// A table and into how many files it is written; different numbers, so that tasks get unequal shares.
#[derive(Debug)]
pub struct TpchTable {
    pub name: &'static str,
    pub files: i32,
}

pub const TABLES: [TpchTable; 8] = [
    TpchTable { name: "region", files: 1 },
    TpchTable { name: "nation", files: 1 },
    TpchTable { name: "supplier", files: 1 },
    TpchTable { name: "customer", files: 2 },
    TpchTable { name: "part", files: 2 },
    TpchTable { name: "partsupp", files: 3 },
    TpchTable { name: "orders", files: 4 },
    TpchTable { name: "lineitem", files: 5 },
];

impl TpchTable {
    pub fn schema(&self) -> SchemaRef {
        self.rows(0.001, 1).schema().clone()
    }

    /// The rows of one file, counted from 1.
    pub fn rows(&self, scale: f64, file: i32) -> Box<dyn RecordBatchIterator> {
        let of = self.files;
        match self.name {
            "region" => Box::new(RegionArrow::new(RegionGenerator::new(scale, file, of))),
            "nation" => Box::new(NationArrow::new(NationGenerator::new(scale, file, of))),
            "supplier" => Box::new(SupplierArrow::new(SupplierGenerator::new(scale, file, of))),
            "customer" => Box::new(CustomerArrow::new(CustomerGenerator::new(scale, file, of))),
            "part" => Box::new(PartArrow::new(PartGenerator::new(scale, file, of))),
            "partsupp" => Box::new(PartSuppArrow::new(PartSuppGenerator::new(scale, file, of))),
            "orders" => Box::new(OrderArrow::new(OrderGenerator::new(scale, file, of))),
            "lineitem" => Box::new(LineItemArrow::new(LineItemGenerator::new(scale, file, of))),
            other => panic!("TPC-H has no table {other}"),
        }
    }
}

pub(super) fn write_all(dir: &Path, scale: f64) -> Result<()> {
    for form in Form::ALL {
        for table in &TABLES {
            let folder = dir.join(form.name()).join(table.name);
            fs::create_dir_all(&folder)?;
            for file in 1..=table.files {
                let path = folder.join(format!("part-{file}.{}", form.extension()));
                let rows = table.rows(scale, file);
                match form {
                    Form::Parquet => write_parquet(&path, rows)?,
                    Form::Csv => write_csv(File::create(path)?, rows)?,
                    Form::CsvGzip => write_csv(GzEncoder::new(File::create(path)?, Compression::fast()), rows)?,
                }
            }
        }
    }
    Ok(())
}

fn write_parquet(path: &Path, rows: Box<dyn RecordBatchIterator>) -> Result<()> {
    let properties = WriterProperties::builder()
        .set_compression(ParquetCompression::SNAPPY)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, rows.schema().clone(), Some(properties))?;
    for batch in rows {
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(())
}

/// Dropping the encoder ends the gzip stream, but would hide an error: it is flushed first, and the file is small enough to trust.
fn write_csv(to: impl Write, rows: Box<dyn RecordBatchIterator>) -> Result<()> {
    let mut writer = WriterBuilder::new().with_header(true).build(to);
    for batch in rows {
        writer.write(&batch)?;
    }
    writer.into_inner().flush()?;
    Ok(())
}
