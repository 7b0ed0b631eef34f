//! What a scan reads.

use std::ops::AddAssign;
use std::sync::Arc;

use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

/// Files that can be cut are cut into pieces of so many bytes at least.
const PIECE_BYTES: u64 = 1024 * 1024;

/// Bytes on disk of each column of a table's files (in the order of the file schema), as far as footers were looked at: what columns
/// a query leaves out need not be read. Travels with the files of a scan, in the coordinator only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnSizes(pub(crate) Vec<u64>);

impl ColumnSizes {
    /// The share of all bytes that some columns have, 0 to 1.
    pub(crate) fn share(&self, columns: impl IntoIterator<Item = usize>) -> f64 {
        let all: u64 = self.0.iter().sum();
        let some: u64 = columns.into_iter().filter_map(|column| self.0.get(column)).sum();
        if all == 0 { 1.0 } else { some as f64 / all as f64 }
    }
}

/// The size of a scan after pruning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ScanSize {
    /// Of whole files.
    pub(crate) file_bytes: u64,
    /// Of the columns that are read.
    pub(crate) bytes: u64,
    pub(crate) files: usize,
    /// Parts that different tasks can read.
    pub(crate) pieces: usize,
}

impl AddAssign for ScanSize {
    fn add_assign(&mut self, other: Self) {
        self.file_bytes += other.file_bytes;
        self.bytes += other.bytes;
        self.files += other.files;
        self.pieces = self.pieces.saturating_add(other.pieces);
    }
}

/// The file scan that a leaf is.
pub(crate) fn file_scan(leaf: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    leaf.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()
}

pub(crate) fn file_bytes(groups: &[FileGroup]) -> u64 {
    files(groups).map(PartitionedFile::effective_size).sum()
}

pub(crate) fn scan_size(scan: &FileScanConfig) -> ScanSize {
    let file_bytes = file_bytes(&scan.file_groups);
    let columns = files(&scan.file_groups).find_map(|file| file.extensions.get_arc::<ColumnSizes>());
    let share = match (columns, scan.file_source.projection()) {
        (Some(sizes), Some(projection)) => sizes.share(projection.column_indices()),
        _ => 1.0,
    };
    let splittable = is_splittable(scan);
    let pieces = |file: &PartitionedFile| {
        if splittable { file.effective_size().div_ceil(PIECE_BYTES).max(1) } else { 1 }
    };
    ScanSize {
        file_bytes,
        bytes: (file_bytes as f64 * share) as u64,
        files: files(&scan.file_groups).count(),
        pieces: usize::try_from(files(&scan.file_groups).map(pieces).sum::<u64>()).unwrap_or(usize::MAX),
    }
}

/// Whether parts of one file can be read apart.
pub(crate) fn is_splittable(scan: &FileScanConfig) -> bool {
    scan.output_ordering.is_empty()
        && scan.file_source().supports_repartitioning()
        && !scan.file_compression_type.is_compressed()
}

fn files(groups: &[FileGroup]) -> impl Iterator<Item = &PartitionedFile> {
    groups.iter().flat_map(FileGroup::files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_are_left_out_are_not_read() {
        let sizes = ColumnSizes(vec![10, 30, 60]);
        assert!((sizes.share([0, 1]) - 0.4).abs() < 1e-9);
        assert!(sizes.share([]) == 0.0 && (sizes.share([0, 1, 2, 9]) - 1.0).abs() < 1e-9);
        assert!((ColumnSizes(vec![0, 0]).share([0]) - 1.0).abs() < 1e-9, "nothing is known");
    }
}
