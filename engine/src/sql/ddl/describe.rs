//! `DESCRIBE`.
//!
//! Columns, then partition columns among them, then for a partitioned table Athena's `# Partition Information` block. Athena
//! sends each row as one text with tabs and padding; here the three values are three columns.

use arachne_catalog::ddl::Describe;
use arachne_catalog::{Column, Table};
use arrow::datatypes::SchemaRef;

use super::rows::{self, Rows};
use super::{DdlContext, tables};
use crate::error::{Error, ErrorCode, Result};
use crate::sql::near::nearest;

type Row = [String; 3];

const COLUMNS: [&str; 3] = ["col_name", "data_type", "comment"];

pub(super) async fn execute(describe: &Describe, context: &DdlContext<'_>) -> Result<Rows> {
    let table = tables::find(&describe.table, context).await?;
    let rows = match &describe.column {
        Some(name) => vec![column_row(find_column(&table, name)?)],
        None if describe.formatted => [column_rows(&table), detail_rows(&table)].concat(),
        None => column_rows(&table),
    };
    rows::text(COLUMNS, rows)
}

pub(super) fn schema() -> SchemaRef {
    rows::schema(COLUMNS)
}

fn find_column<'a>(table: &'a Table, name: &str) -> Result<&'a Column> {
    let all = || table.storage.columns.iter().chain(&table.partition_keys);
    if let Some(column) = all().find(|column| column.name == name) {
        return Ok(column);
    }
    let message = format!("table {}.{} has no column {name}", table.database, table.name);
    let error = Error::new(ErrorCode::NotFound, message);
    Err(match nearest(name, all().map(|column| column.name.as_str())) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    })
}

fn column_rows(table: &Table) -> Vec<Row> {
    let mut rows: Vec<Row> = table.storage.columns.iter().chain(&table.partition_keys).map(column_row).collect();
    if !table.partition_keys.is_empty() {
        rows.push(row("", "", ""));
        rows.push(row("# Partition Information", "", ""));
        rows.push(row("# col_name", "data_type", "comment"));
        rows.push(row("", "", ""));
        rows.extend(table.partition_keys.iter().map(column_row));
    }
    rows
}

fn detail_rows(table: &Table) -> Vec<Row> {
    let storage = &table.storage;
    let mut rows = vec![
        row("", "", ""),
        row("# Detailed Table Information", "", ""),
        row("Database:", &table.database, ""),
        row("CreateTime:", &created(table), ""),
        row("Location:", &storage.location, ""),
        row("Comment:", table.description.as_deref().unwrap_or_default(), ""),
        row("Table Parameters:", "", ""),
    ];
    rows.extend(table.parameters.iter().map(|(name, value)| row("", name, value)));
    rows.extend([
        row("", "", ""),
        row("# Storage Information", "", ""),
        row("SerDe Library:", &storage.serde.serialization_library, ""),
        row("InputFormat:", &storage.input_format, ""),
        row("OutputFormat:", &storage.output_format, ""),
        row("Storage Desc Params:", "", ""),
    ]);
    rows.extend(storage.serde.parameters.iter().map(|(name, value)| row("", name, value)));
    rows
}

fn created(table: &Table) -> String {
    chrono::DateTime::from_timestamp_millis(table.create_time)
        .map_or_else(String::new, |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

fn column_row(column: &Column) -> Row {
    row(&column.name, &column.data_type, column.comment.as_deref().unwrap_or_default())
}

fn row(name: &str, data_type: &str, comment: &str) -> Row {
    [name, data_type, comment].map(str::to_owned)
}
