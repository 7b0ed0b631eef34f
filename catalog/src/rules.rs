//! What every catalog checks and normalises before it stores a definition, so that the stores cannot differ in it.

use std::collections::HashSet;

use crate::catalog::{DEFAULT_DATABASE, DropMode};
use crate::error::{CatalogError, CatalogErrorKind, Result};
use crate::hive_type::HiveType;
use crate::model::{Column, Database, Partition, Table, TableType};

/// Athena keeps names in lower case, whatever was written.
pub(crate) fn lower(name: &str) -> String {
    name.to_lowercase()
}

pub(crate) fn checked_database(mut database: Database) -> Result<Database> {
    database.name = lower(&database.name);
    check_name("database", &database.name)?;
    Ok(database)
}

pub(crate) fn checked_table(mut table: Table) -> Result<Table> {
    table.database = lower(&table.database);
    table.name = lower(&table.name);
    check_name("table", &table.name)?;

    let mut seen = HashSet::new();
    for column in table.storage.columns.iter_mut().chain(&mut table.partition_keys) {
        column.name = lower(&column.name);
        check_name("column", &column.name)?;
        if !seen.insert(column.name.clone()) {
            return Err(CatalogError::invalid(format!(
                "column {} is named twice in table {}",
                column.name, table.name
            )));
        }
    }
    if table.table_type == TableType::View {
        return Ok(table);
    }
    for column in table.storage.columns.iter().chain(&table.partition_keys) {
        HiveType::of(column)?;
    }
    for key in &table.partition_keys {
        check_partition_key(key)?;
    }
    check_order(&mut table)?;
    Ok(table)
}

/// Files are sorted by columns that they hold.
fn check_order(table: &mut Table) -> Result<()> {
    for sorted in &mut table.storage.sort_columns {
        sorted.column = lower(&sorted.column);
        if !table.storage.columns.iter().any(|column| column.name == sorted.column) {
            let message =
                format!("WITH ORDER names {}, which is no column of the files of table {}", sorted.column, table.name);
            return Err(CatalogError::invalid(message));
        }
    }
    Ok(())
}

pub(crate) fn check_partitions(table: &Table, partitions: &[Partition]) -> Result<()> {
    let mut seen = HashSet::new();
    for partition in partitions {
        if partition.values.len() != table.partition_keys.len() {
            return Err(CatalogError::invalid(format!(
                "table {}.{} is partitioned by {} columns, the partition has {} values",
                table.database,
                table.name,
                table.partition_keys.len(),
                partition.values.len()
            )));
        }
        if !seen.insert(&partition.values) {
            return Err(partition_exists(table, &partition.values));
        }
    }
    Ok(())
}

pub(crate) fn partition_exists(table: &Table, values: &[String]) -> CatalogError {
    CatalogError::exists(format_args!("partition ({}) of table {}.{}", values.join(", "), table.database, table.name))
}

/// The two reasons not to drop a database that is there.
pub(crate) fn check_droppable(name: &str, tables: usize, mode: DropMode) -> Result<()> {
    if name == DEFAULT_DATABASE {
        return Err(CatalogError::new(
            CatalogErrorKind::NotSupported,
            format!("the database {DEFAULT_DATABASE} always exists and cannot be dropped"),
        ));
    }
    match mode {
        DropMode::Restrict if tables > 0 => Err(CatalogError::new(
            CatalogErrorKind::NotEmpty,
            format!("database {name} still holds {tables} tables; drop them, or add CASCADE"),
        )),
        DropMode::Restrict | DropMode::Cascade => Ok(()),
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    let bad = name.is_empty() || name.chars().any(|c| c.is_control() || c == '/');
    if bad { Err(CatalogError::invalid(format!("{name:?} is not a name for a {what}"))) } else { Ok(()) }
}

/// A partition's value is text in a path, so only types with one plain text form can be keys.
fn check_partition_key(key: &Column) -> Result<()> {
    match HiveType::of(key)? {
        HiveType::Array(_) | HiveType::Map(..) | HiveType::Struct(_) | HiveType::Binary => {
            Err(CatalogError::invalid(format!("partition column {} cannot have the type {}", key.name, key.data_type)))
        }
        _ => Ok(()),
    }
}
