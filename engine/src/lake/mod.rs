//! Tables of the lake as DataFusion sees them: what the catalog declares, or what a path holds.
//!
//! [`LakeCatalog`] resolves a name to a [`LakeTable`]: a table of the catalog, or a path (`'s3://bucket/prefix/'`, a glob, a
//! local file), whose columns are read off its files. A scan first drops partitions by their values, then lists what is left,
//! then drops files by the minima and maxima in their footers; what it saw and what it chose goes into a [`ScanReport`].
//! Every file is pinned to the version that was listed. [`LakeContext`] is of one query and carries its stores; [`KnownLake`] is what
//! queries leave to those after them.

mod at_once;
mod catalog_table;
mod context;
mod known;
mod known_footers;
mod known_partitions;
mod listing;
mod location;
mod merge;
mod order;
mod parquet_files;
mod partition_folders;
mod partition_values;
mod path_format;
mod path_table;
mod providers;
mod pruning;
mod report;
mod side_by_side;
mod source;
mod statistics;
mod table;
#[cfg(test)]
mod tests;

pub use context::LakeContext;
pub use known::KnownLake;
pub use location::{Location, Place, is_path};
pub use providers::{LakeCatalog, LakeSchema};
pub use report::ScanReport;
pub use table::LakeTable;
