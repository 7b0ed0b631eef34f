//! The large result: whole numbers, floating ones and short texts.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

const ROWS_PER_BATCH: usize = 8192;

/// Plain and not compressed, so that little of the time is decoding.
pub(super) fn write(file: &Path, rows: usize) -> Result<()> {
    let properties =
        WriterProperties::builder().set_compression(Compression::UNCOMPRESSED).set_dictionary_enabled(false).build();
    let mut writer = ArrowWriter::try_new(File::create(file)?, batch(0, 0)?.schema(), Some(properties))?;
    for first in (0..rows).step_by(ROWS_PER_BATCH) {
        writer.write(&batch(first, ROWS_PER_BATCH.min(rows - first))?)?;
    }
    writer.close()?;
    Ok(())
}

/// All of it in memory.
pub(super) fn read(file: &Path) -> Result<Vec<RecordBatch>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file)?)?.with_batch_size(ROWS_PER_BATCH);
    Ok(reader.build()?.collect::<Result<_, _>>()?)
}

fn batch(first: usize, rows: usize) -> Result<RecordBatch> {
    let numbers = first..first + rows;
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(Int64Array::from_iter_values(numbers.clone().map(|number| number as i64)))),
        ("price", Arc::new(Float64Array::from_iter_values(numbers.clone().map(|number| number as f64 * 0.25)))),
        ("name", Arc::new(StringArray::from_iter_values(numbers.map(|number| format!("item {}", number % 100_000))))),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
