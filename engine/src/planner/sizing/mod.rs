//! How wide a stage is, and where an aggregate is merged (docs/adr/0011).
//!
//! `width` turns bytes into tasks; `scans` says what a scan reads, `received` what a stage gets from others, `groups` how many groups
//! an aggregate has. All of it is estimates: where they err a query is slower or dearer, never wrong.

mod choices;
mod groups;
mod received;
mod scans;
mod width;

pub(crate) use choices::Choices;
pub(crate) use groups::few_groups;
pub(crate) use received::estimated_bytes;
pub(crate) use scans::{ColumnSizes, ScanSize, file_bytes, file_scan, is_splittable, scan_size};
pub(crate) use width::{Limits, Width, WidthFor};
