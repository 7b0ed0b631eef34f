//! Rows of any engine in one form, and whether two of them are the same answer.
//!
//! Exact numbers are compared by value; a float, or an average that one engine gives as a decimal and the other as a float, within the
//! precision of the coarser one. Everything else is compared as text.

mod compare;
mod expected;
mod value;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use serde::Deserialize;

pub use compare::{Order, Slack, assert_same, difference};
pub use expected::Expected;
pub use value::Value;

/// Named columns and rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Value>>,
}

/// What the script around DuckDB prints.
#[derive(Deserialize)]
struct Printed {
    columns: Vec<PrintedColumn>,
    rows: Vec<Vec<Option<String>>>,
}

#[derive(Deserialize)]
struct PrintedColumn {
    name: String,
    kind: value::Kind,
}

impl Answer {
    /// Rows of one schema.
    pub fn of(schema: &Schema, batches: &[RecordBatch]) -> Result<Self> {
        let mut rows = Vec::new();
        for batch in batches {
            value::append_rows(batch, &mut rows)?;
        }
        Ok(Self { columns: schema.fields().iter().map(|field| field.name().clone()).collect(), rows })
    }

    /// At least one batch, for its schema.
    pub fn from_batches(batches: &[RecordBatch]) -> Result<Self> {
        let first = batches.first().context("no batch")?;
        Self::of(&first.schema(), batches)
    }

    /// Reads the JSON that `duckdb_answers.py` prints for one query.
    pub(crate) fn from_json(json: serde_json::Value) -> Result<Self> {
        let printed: Printed = serde_json::from_value(json)?;
        let kinds: Vec<_> = printed.columns.iter().map(|column| column.kind).collect();
        let rows = printed
            .rows
            .into_iter()
            .map(|row| row.into_iter().zip(&kinds).map(|(text, kind)| Value::parse(text.as_deref(), *kind)).collect())
            .collect::<Result<_>>()?;
        Ok(Self { columns: printed.columns.into_iter().map(|column| column.name).collect(), rows })
    }
}
