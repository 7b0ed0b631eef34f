//! The statements, one function each. Names are in lower case already.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use super::unavailable;
use crate::catalog::PartitionsState;
use crate::error::{CatalogError, CatalogErrorKind, Result};
use crate::model::{Database, Partition, Table};

type Connection = SqliteConnection;

pub(super) async fn database(connection: &mut Connection, name: &str) -> Result<Database> {
    let row: Option<String> = sqlx::query_scalar("SELECT definition FROM databases WHERE name = ?")
        .bind(name)
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    read(&row.ok_or_else(|| CatalogError::no_database(name))?)
}

pub(super) async fn databases(connection: &mut Connection) -> Result<Vec<Database>> {
    let rows: Vec<String> = sqlx::query_scalar("SELECT definition FROM databases ORDER BY name")
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    rows.iter().map(|row| read(row)).collect()
}

/// False when it exists already; so for all inserts here.
pub(super) async fn insert_database(connection: &mut Connection, database: &Database) -> Result<bool> {
    let done = sqlx::query("INSERT INTO databases VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(&database.name)
        .bind(written(database)?)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(done.rows_affected() == 1)
}

/// With its tables and their partitions.
pub(super) async fn delete_database(connection: &mut Connection, name: &str) -> Result<()> {
    sqlx::query("DELETE FROM databases WHERE name = ?").bind(name).execute(connection).await.map_err(unavailable)?;
    Ok(())
}

pub(super) async fn table(connection: &mut Connection, database: &str, name: &str) -> Result<Table> {
    let row: Option<String> = sqlx::query_scalar("SELECT definition FROM tables WHERE database = ? AND name = ?")
        .bind(database)
        .bind(name)
        .fetch_optional(&mut *connection)
        .await
        .map_err(unavailable)?;
    match row {
        Some(row) => read(&row),
        None => Err(no_table(connection, database, name).await?),
    }
}

/// In one statement, so that both are of the same moment.
pub(super) async fn table_and_state(
    connection: &mut Connection,
    database: &str,
    name: &str,
) -> Result<(Table, PartitionsState)> {
    let row: Option<(String, i64)> =
        sqlx::query_as("SELECT definition, count FROM tables, partition_changes WHERE database = ? AND name = ?")
            .bind(database)
            .bind(name)
            .fetch_optional(&mut *connection)
            .await
            .map_err(unavailable)?;
    match row {
        Some((row, changes)) => Ok((read(&row)?, PartitionsState::after(changes))),
        None => Err(no_table(connection, database, name).await?),
    }
}

/// Why there is no such table.
async fn no_table(connection: &mut Connection, database: &str, name: &str) -> Result<CatalogError> {
    self::database(connection, database).await?;
    Ok(CatalogError::no_table(database, name))
}

pub(super) async fn tables(connection: &mut Connection, database: &str) -> Result<Vec<Table>> {
    let rows: Vec<String> = sqlx::query_scalar("SELECT definition FROM tables WHERE database = ? ORDER BY name")
        .bind(database)
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    rows.iter().map(|row| read(row)).collect()
}

pub(super) async fn insert_table(connection: &mut Connection, table: &Table) -> Result<bool> {
    let done = sqlx::query("INSERT INTO tables VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        .bind(&table.database)
        .bind(&table.name)
        .bind(written(table)?)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn update_table(connection: &mut Connection, table: &Table) -> Result<()> {
    sqlx::query("UPDATE tables SET definition = ? WHERE database = ? AND name = ?")
        .bind(written(table)?)
        .bind(&table.database)
        .bind(&table.name)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// With its partitions.
pub(super) async fn delete_table(connection: &mut Connection, table: &Table) -> Result<()> {
    sqlx::query("DELETE FROM tables WHERE database = ? AND name = ?")
        .bind(&table.database)
        .bind(&table.name)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// In order of values: the text of a JSON array does not sort as its items do.
pub(super) async fn partitions(connection: &mut Connection, table: &Table) -> Result<Vec<Partition>> {
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT definition FROM partitions WHERE database = ? AND table_name = ?")
            .bind(&table.database)
            .bind(&table.name)
            .fetch_all(connection)
            .await
            .map_err(unavailable)?;
    let mut partitions: Vec<Partition> = rows.iter().map(|row| read(row)).collect::<Result<_>>()?;
    partitions.sort_by(|left, right| left.values.cmp(&right.values));
    Ok(partitions)
}

pub(super) async fn insert_partition(
    connection: &mut Connection,
    table: &Table,
    partition: &Partition,
) -> Result<bool> {
    let done = sqlx::query("INSERT INTO partitions VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
        .bind(&table.database)
        .bind(&table.name)
        .bind(written(&partition.values)?)
        .bind(written(partition)?)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn delete_partition(connection: &mut Connection, table: &Table, values: &[String]) -> Result<bool> {
    let done = sqlx::query(r#"DELETE FROM partitions WHERE database = ? AND table_name = ? AND "values" = ?"#)
        .bind(&table.database)
        .bind(&table.name)
        .bind(written(&values)?)
        .execute(connection)
        .await
        .map_err(unavailable)?;
    Ok(done.rows_affected() == 1)
}

pub(crate) fn written(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| damaged(&error))
}

pub(crate) fn read<T: DeserializeOwned>(json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| damaged(&error))
}

fn damaged(error: &serde_json::Error) -> CatalogError {
    CatalogError::new(CatalogErrorKind::Unavailable, format!("an entry of the catalog cannot be read: {error}"))
}
