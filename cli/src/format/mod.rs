//! How results are shown: the formats of `--format`.
//!
//! The machine formats are the server's (the doors write the same bytes); tables and Markdown are for people and live here.

mod markdown;
mod rows;
mod table;

pub(crate) use rows::RowsEncoder;
pub(crate) use table::{TableEncoder, TableShape};

use arachne_server::format::{ArrowStreamEncoder, DelimitedEncoder, JsonEncoder, ParquetEncoder, ResultEncoder};
use clap::ValueEnum;

use markdown::MarkdownEncoder;

/// What `--format` and `\format` take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, cut to the terminal's width
    Table,
    /// Comma-separated; NULL is an empty field, an empty string is ""
    Csv,
    /// Tab-separated
    Tsv,
    /// One array of objects
    Json,
    /// One JSON object a line
    Ndjson,
    /// A Parquet file
    Parquet,
    /// An Arrow IPC stream
    Arrow,
    /// A Markdown table
    Markdown,
}

impl Format {
    pub(crate) fn encoder(self, shape: TableShape) -> Box<dyn ResultEncoder> {
        match self {
            Self::Table => Box::new(TableEncoder::new(shape)),
            Self::Csv => Box::new(DelimitedEncoder::csv()),
            Self::Tsv => Box::new(DelimitedEncoder::tsv()),
            Self::Json => Box::new(JsonEncoder::array()),
            Self::Ndjson => Box::new(JsonEncoder::lines()),
            Self::Parquet => Box::new(ParquetEncoder::default()),
            Self::Arrow => Box::new(ArrowStreamEncoder::default()),
            Self::Markdown => Box::new(MarkdownEncoder::default()),
        }
    }

    /// Not for a terminal.
    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }

    /// Whether the output can hold one result only: two Parquet files or JSON documents in a row are neither.
    pub(crate) fn holds_one_result(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow | Self::Json)
    }

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
