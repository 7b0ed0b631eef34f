//! `SHOW ...`

use arachne_catalog::ddl::{Show, show_create_table};
use arachne_catalog::{Table, TableType, hive_path};
use arrow::datatypes::SchemaRef;

use super::rows::{self, Rows};
use super::{DdlContext, tables};
use crate::error::{Error, ErrorCode, Result};
use crate::glob::fits;

pub(super) async fn execute(show: &Show, context: &DdlContext<'_>) -> Result<Rows> {
    match show {
        Show::Databases { pattern } => {
            let databases = context.catalog.databases().await?.into_iter().map(|database| database.name);
            rows::text(["database_name"], matching(databases, pattern.as_deref()))
        }
        Show::Tables { database, pattern } => {
            let tables = names(database.as_deref(), context, |_| true).await?;
            rows::text(["tab_name"], matching(tables, pattern.as_deref()))
        }
        Show::Views { database, pattern } => {
            let views = names(database.as_deref(), context, |table| table.table_type == TableType::View).await?;
            rows::text(["views"], matching(views, pattern.as_deref()))
        }
        Show::Columns { table } => {
            let table = tables::find(table, context).await?;
            rows::text(
                ["field"],
                table.storage.columns.into_iter().chain(table.partition_keys).map(|column| [column.name]),
            )
        }
        Show::Partitions { table } => {
            let table = tables::find(table, context).await?;
            if table.partition_keys.is_empty() {
                let message = format!("table {}.{} is not partitioned", table.database, table.name);
                return Err(Error::new(ErrorCode::InvalidArgument, message));
            }
            let partitions = context.catalog.partitions(&table.database, &table.name).await?;
            let folders =
                partitions.iter().map(|partition| [hive_path::print(&table.partition_keys, &partition.values)]);
            rows::text(["partition"], folders)
        }
        // A row a line, as Athena has it.
        Show::CreateTable { table } => {
            let statement = show_create_table(&tables::find(table, context).await?);
            rows::text(["createtab_stmt"], statement.lines().map(|line| [line.to_owned()]))
        }
        Show::TableProperties { table, property } => {
            let table = tables::find(table, context).await?;
            let wanted = |name: &String| property.as_ref().is_none_or(|property| property == name);
            let shown = table.parameters.into_iter().filter(|(name, _)| wanted(name));
            rows::text(["prpt_name", "prpt_value"], shown.map(|(name, value)| [name, value]))
        }
    }
}

pub(super) fn schema_of(show: &Show) -> SchemaRef {
    match show {
        Show::Databases { .. } => rows::schema(["database_name"]),
        Show::Tables { .. } => rows::schema(["tab_name"]),
        Show::Views { .. } => rows::schema(["views"]),
        Show::Columns { .. } => rows::schema(["field"]),
        Show::Partitions { .. } => rows::schema(["partition"]),
        Show::CreateTable { .. } => rows::schema(["createtab_stmt"]),
        Show::TableProperties { .. } => rows::schema(["prpt_name", "prpt_value"]),
    }
}

async fn names(
    database: Option<&str>,
    context: &DdlContext<'_>,
    wanted: impl Fn(&Table) -> bool,
) -> Result<impl Iterator<Item = String>> {
    let tables = context.catalog.tables(database.unwrap_or(context.database)).await?;
    Ok(tables.into_iter().filter(wanted).map(|table| table.name))
}

fn matching(names: impl Iterator<Item = String>, pattern: Option<&str>) -> impl Iterator<Item = [String; 1]> {
    names.filter(move |name| pattern.is_none_or(|pattern| matches(name, pattern))).map(|name| [name])
}

/// Hive's patterns, and what people bring along: `*`, `.*` and `%` stand for anything, `|` stands between alternatives.
/// Names are in lower case, so the pattern is read in lower case too.
fn matches(name: &str, pattern: &str) -> bool {
    let pattern = pattern.to_lowercase().replace(".*", "*").replace('%', "*");
    pattern.split('|').any(|alternative| fits(alternative.trim(), name))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, yes, no) in [
            ("orders", "orders", "orders_2024"),
            ("*", "orders", ""),
            ("ord*", "orders", "reorder"),
            ("*der*", "orders", "or"),
            ("o*d*s", "orders", "orderst"),
            (".*_log", "web_log", "web_logs"),
            ("ORD%", "orders", "visits"),
            ("a|b*", "bcd", "ab"),
            ("ab*ba", "abba", "aba"),
        ] {
            assert!(matches(yes, pattern), "{pattern} {yes}");
            assert!(no.is_empty() || !matches(no, pattern), "{pattern} {no}");
        }
    }
}
