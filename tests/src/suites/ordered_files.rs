//! Parquet files that are sorted and say so.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::compute::{SortColumn, SortOptions, concat_batches, lexsort_to_indices, take_record_batch};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;

use super::layout::{Table, read};

/// NULLs last, as the metadata of every file says.
const SORT: SortOptions = SortOptions { descending: false, nulls_first: false };

/// Writes the table sorted, one file for each of `cuts`; `overlapping` deals the sorted rows round robin instead.
pub(super) fn write(
    table: &Table,
    folder: &Path,
    cuts: &[(usize, usize)],
    overlapping: bool,
    row_group_rows: usize,
) -> Result<()> {
    let schema = &table.schema;
    let rows = concat_batches(schema, &read(&table.raw)?)?;
    let columns =
        table.sorted_by.iter().map(|name| schema.index_of(name)).collect::<std::result::Result<Vec<_>, _>>()?;
    let keys: Vec<_> =
        columns.iter().map(|column| SortColumn { values: rows.column(*column).clone(), options: Some(SORT) }).collect();
    let order = lexsort_to_indices(&keys, None)?;
    let sorting = columns
        .iter()
        .map(|column| {
            let column_idx = i32::try_from(*column)?;
            Ok(SortingColumn { column_idx, descending: SORT.descending, nulls_first: SORT.nulls_first })
        })
        .collect::<Result<Vec<_>>>()?;
    for (file, (first, last)) in cuts.iter().enumerate() {
        let part = if overlapping {
            let every = order.values().iter().skip(file).step_by(cuts.len()).copied();
            take_record_batch(&rows, &every.collect::<arrow::array::UInt32Array>())?
        } else {
            take_record_batch(&rows, &order.slice(*first, last - first))?
        };
        let path = folder.join(format!("part-{}.parquet", file + 1));
        write_file(&path, &part, sorting.clone(), row_group_rows)
            .with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

fn write_file(path: &Path, rows: &RecordBatch, sorting: Vec<SortingColumn>, row_group_rows: usize) -> Result<()> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(row_group_rows))
        .set_sorting_columns(Some(sorting))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, rows.schema(), Some(properties))?;
    writer.write(rows)?;
    writer.close()?;
    Ok(())
}
