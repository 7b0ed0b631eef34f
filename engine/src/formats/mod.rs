//! Delimited text (CSV, TSV, Hive's `TEXTFILE`) read straight from object storage.
//!
//! DataFusion has a CSV source, but its plan encoding loses most options, it knows no Hive escapes, cannot tell an empty string
//! from NULL, and names neither file nor line when a value is bad. So [`TextSource`] keeps DataFusion's bookkeeping (schema,
//! projection, file groups) in an inner `CsvSource` and brings its own opener: bytes in prefetched ranges (`chunks`), cut at line
//! boundaries (`split`) or decompressed (`compression`), split into records (`marks`, `record`), turned into Arrow columns (`rows`, `column`,
//! `cell`), and driven as a stream (`reader`). The same code runs in the coordinator and in workers; `text_codec` carries it between them.

mod cell;
mod chunks;
mod column;
mod compression;
mod format;
mod header;
mod infer;
mod layout;
mod marks;
mod options;
mod problem;
mod reader;
mod record;
mod rows;
mod source;
mod split;
#[cfg(feature = "coordinator")]
mod table_options;
#[cfg(test)]
mod tests;
pub mod text_codec;

pub use compression::Compression;
pub use format::TextFormat;
pub use infer::{Inferred, infer};
pub use options::{ColumnMapping, OnError, TextOptions};
pub use source::TextSource;
