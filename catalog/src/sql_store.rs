//! The embedded catalog: one SQLite file that outlives the process and that several processes may use at once.
//!
//! Definitions are kept as JSON beside the names they are found by: the model may grow without a migration, and nothing
//! here asks SQLite about what is inside. Every write is one `BEGIN IMMEDIATE` transaction, so that what it checked still
//! holds when it writes, and two writers queue instead of failing.

mod rows;
mod schema;

pub(crate) use rows::{read as read_json, written as written_json};

use std::path::Path;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, Transaction};

use crate::catalog::{Catalog, DropMode, PartitionsState};
use crate::error::{CatalogError, CatalogErrorKind, Result};
use crate::history::SqlHistory;
use crate::model::{Database, Partition, Table};
use crate::rules::{check_droppable, check_partitions, checked_database, checked_table, lower, partition_exists};

/// How long a writer waits for the writer before it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const BUSY_PAUSE: Duration = Duration::from_millis(5);
const MAX_CONNECTIONS: u32 = 4;

/// Rows that SQLite's thread may be ahead of the one that reads them: at sqlx's 50 they wake each other all the time, which is what
/// reading the partitions of a large table spent most of its time on.
const ROWS_AHEAD: usize = 1_000;

#[derive(Debug, Clone)]
pub struct SqlCatalog {
    pool: SqlitePool,
}

impl SqlCatalog {
    /// Opens the catalog in this file; the file and its folder are made when they are not there.
    pub async fn open(path: &Path) -> Result<Self> {
        Self::open_waiting(path, BUSY_TIMEOUT).await
    }

    /// `patience`: how long a writer waits for the writer before it.
    async fn open_waiting(path: &Path, patience: Duration) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            CatalogError::new(
                CatalogErrorKind::Unavailable,
                format!("the catalog at {} cannot be opened: {error}", path.display()),
            )
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            tokio::fs::create_dir_all(folder).await.map_err(|error| failed(&error))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(patience)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .row_buffer_size(ROWS_AHEAD);
        let pool = first_connection(options, patience).await.map_err(|error| failed(&error))?;
        let catalog = Self { pool };
        let mut transaction = catalog.begin().await.map_err(|error| failed(&error))?;
        schema::migrate(&mut transaction).await.map_err(|error| failed(&error))?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(catalog)
    }

    /// The history of queries in the same file.
    pub fn history(&self) -> SqlHistory {
        SqlHistory::new(self.pool.clone())
    }

    /// Lets go of the file; what was written is in it already.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)
    }
}

/// Connects, with `patience` for others who open the same new file: SQLite does not wait for a lock when it turns a file
/// to write-ahead logging (it says "busy" at once, since two that waited there would wait for each other).
async fn first_connection(options: SqliteConnectOptions, patience: Duration) -> sqlx::Result<SqlitePool> {
    let give_up = Instant::now() + patience;
    loop {
        // A file does not hang up: asking a connection whether it still works would wake its thread once more for each statement.
        let pool = SqlitePoolOptions::new().max_connections(MAX_CONNECTIONS).test_before_acquire(false);
        match pool.connect_with(options.clone()).await {
            Err(error) if is_busy(&error) && Instant::now() < give_up => tokio::time::sleep(BUSY_PAUSE).await,
            outcome => return outcome,
        }
    }
}

#[async_trait]
impl Catalog for SqlCatalog {
    async fn create_database(&self, database: Database) -> Result<()> {
        let database = checked_database(database)?;
        let mut transaction = self.begin().await?;
        if !rows::insert_database(&mut transaction, &database).await? {
            return Err(CatalogError::exists(format_args!("database {}", database.name)));
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn database(&self, name: &str) -> Result<Database> {
        rows::database(&mut *self.connection().await?, &lower(name)).await
    }

    async fn databases(&self) -> Result<Vec<Database>> {
        rows::databases(&mut *self.connection().await?).await
    }

    async fn drop_database(&self, name: &str, mode: DropMode) -> Result<()> {
        let name = lower(name);
        let mut transaction = self.begin().await?;
        rows::database(&mut transaction, &name).await?;
        let tables = rows::tables(&mut transaction, &name).await?.len();
        check_droppable(&name, tables, mode)?;
        rows::delete_database(&mut transaction, &name).await?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn create_table(&self, table: Table) -> Result<()> {
        let table = checked_table(table)?;
        let mut transaction = self.begin().await?;
        rows::database(&mut transaction, &table.database).await?;
        if !rows::insert_table(&mut transaction, &table).await? {
            return Err(CatalogError::exists(format_args!("table {}.{}", table.database, table.name)));
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn table(&self, database: &str, name: &str) -> Result<Table> {
        rows::table(&mut *self.connection().await?, &lower(database), &lower(name)).await
    }

    async fn table_and_state(&self, database: &str, name: &str) -> Result<(Table, PartitionsState)> {
        rows::table_and_state(&mut *self.connection().await?, &lower(database), &lower(name)).await
    }

    async fn tables(&self, database: &str) -> Result<Vec<Table>> {
        let database = lower(database);
        let mut connection = self.connection().await?;
        rows::database(&mut connection, &database).await?;
        rows::tables(&mut connection, &database).await
    }

    async fn update_table(&self, table: Table) -> Result<()> {
        let table = checked_table(table)?;
        let mut transaction = self.begin().await?;
        rows::table(&mut transaction, &table.database, &table.name).await?;
        rows::update_table(&mut transaction, &table).await?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn drop_table(&self, database: &str, name: &str) -> Result<()> {
        let mut transaction = self.begin().await?;
        let table = rows::table(&mut transaction, &lower(database), &lower(name)).await?;
        rows::delete_table(&mut transaction, &table).await?;
        transaction.commit().await.map_err(unavailable)
    }

    async fn create_partitions(&self, database: &str, table: &str, partitions: Vec<Partition>) -> Result<()> {
        let mut transaction = self.begin().await?;
        let table = rows::table(&mut transaction, &lower(database), &lower(table)).await?;
        check_partitions(&table, &partitions)?;
        for partition in &partitions {
            if !rows::insert_partition(&mut transaction, &table, partition).await? {
                return Err(partition_exists(&table, &partition.values));
            }
        }
        transaction.commit().await.map_err(unavailable)
    }

    async fn partitions(&self, database: &str, table: &str) -> Result<Vec<Partition>> {
        let mut connection = self.connection().await?;
        let table = rows::table(&mut connection, &lower(database), &lower(table)).await?;
        rows::partitions(&mut connection, &table).await
    }

    async fn drop_partition(&self, database: &str, table: &str, values: &[String]) -> Result<()> {
        let mut transaction = self.begin().await?;
        let table = rows::table(&mut transaction, &lower(database), &lower(table)).await?;
        if !rows::delete_partition(&mut transaction, &table, values).await? {
            return Err(CatalogError::no_partition(&table.database, &table.name, values));
        }
        transaction.commit().await.map_err(unavailable)
    }
}

impl SqlCatalog {
    async fn connection(&self) -> Result<sqlx::pool::PoolConnection<Sqlite>> {
        self.pool.acquire().await.map_err(unavailable)
    }
}

pub(crate) fn unavailable(error: sqlx::Error) -> CatalogError {
    if is_busy(&error) {
        let message = "the catalog's database is locked by another program: try again when that has let go of it";
        return CatalogError::new(CatalogErrorKind::Unavailable, message);
    }
    CatalogError::new(CatalogErrorKind::Unavailable, format!("the catalog's database failed: {error}"))
}

/// `SQLITE_BUSY` or `SQLITE_LOCKED`, the low byte of the code (<https://www.sqlite.org/rescode.html>), or no connection that was free.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6)) || matches!(error, sqlx::Error::PoolTimedOut)
}

#[cfg(test)]
mod tests;
