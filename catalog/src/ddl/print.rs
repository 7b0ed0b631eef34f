//! `SHOW CREATE TABLE`: a table's definition as the statement that makes it again.

use std::fmt::Write;

use super::text::quoted;
use crate::model::{Column, NullOrder, Parameters, SortColumn, SortDirection, Table};

/// The statement, which parses back to the same table (but for its creation time).
///
/// The SerDe form is always written, never `ROW FORMAT DELIMITED`: it alone can say every setting.
pub fn show_create_table(table: &Table) -> String {
    let storage = &table.storage;
    let mut sql = format!("CREATE EXTERNAL TABLE {}.{}", quote_name(&table.database), quote_name(&table.name));
    if !storage.columns.is_empty() {
        sql.push_str(&columns("", &storage.columns));
    }
    if let Some(description) = &table.description {
        sql.push_str(&format!("\nCOMMENT {}", quoted(description)));
    }
    if !table.partition_keys.is_empty() {
        sql.push_str(&columns("\nPARTITIONED BY ", &table.partition_keys));
    }
    sql.push_str(&format!("\nROW FORMAT SERDE\n  {}", quoted(&storage.serde.serialization_library)));
    if !storage.serde.parameters.is_empty() {
        sql.push_str(&properties("\nWITH SERDEPROPERTIES ", &storage.serde.parameters));
    }
    sql.push_str(&format!("\nSTORED AS INPUTFORMAT\n  {}", quoted(&storage.input_format)));
    sql.push_str(&format!("\nOUTPUTFORMAT\n  {}", quoted(&storage.output_format)));
    if !storage.sort_columns.is_empty() {
        sql.push_str(&block("\nWITH ORDER ", storage.sort_columns.iter().map(sort_column)));
    }
    sql.push_str(&format!("\nLOCATION\n  {}", quoted(&storage.location)));
    if !table.parameters.is_empty() {
        sql.push_str(&properties("\nTBLPROPERTIES ", &table.parameters));
    }
    sql
}

/// A name in back quotes.
pub fn quote_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn columns(before: &str, columns: &[Column]) -> String {
    let lines = columns.iter().map(|column| {
        let mut line = format!("{} {}", quote_name(&column.name), column.data_type);
        if let Some(comment) = &column.comment {
            // Writing to a String cannot fail.
            let _ = write!(line, " COMMENT {}", quoted(comment));
        }
        line
    });
    block(before, lines)
}

fn sort_column(sorted: &SortColumn) -> String {
    let direction = match sorted.direction {
        SortDirection::Ascending => "ASC",
        SortDirection::Descending => "DESC",
    };
    let nulls = match sorted.nulls {
        NullOrder::First => "FIRST",
        NullOrder::Last => "LAST",
    };
    format!("{} {direction} NULLS {nulls}", quote_name(&sorted.column))
}

fn properties(before: &str, properties: &Parameters) -> String {
    block(before, properties.iter().map(|(name, value)| format!("{}={}", quoted(name), quoted(value))))
}

fn block(before: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.map(|line| format!("\n  {line}")).collect();
    format!("{before}({})", lines.join(","))
}
