//! The catalog as one principal sees it.

use std::sync::Arc;

use arachne_catalog::{
    Catalog, CatalogError, CatalogErrorKind, DEFAULT_DATABASE, Database, DropMode, Partition, PartitionsState, Table,
    TableType,
};
use async_trait::async_trait;

use super::guard::Guard;
use super::policy::Level;
use crate::error::{Error, ErrorCode};

type Result<T> = std::result::Result<T, CatalogError>;

/// Hides what may not be read, as if it did not exist, and refuses changes to what may be read and no more. A location that a
/// definition names must be one that the principal may read: else whoever may create a table could read any file.
///
/// The database `default` is seen by everybody, as it always exists; its tables are not.
#[derive(Debug)]
pub struct GuardedCatalog {
    inner: Arc<dyn Catalog>,
    guard: Guard,
}

impl GuardedCatalog {
    pub(super) fn new(inner: Arc<dyn Catalog>, guard: Guard) -> Self {
        Self { inner, guard }
    }

    fn see_database(&self, name: &str) -> Result<()> {
        if self.guard.sees(name) || name.eq_ignore_ascii_case(DEFAULT_DATABASE) {
            return Ok(());
        }
        let name = name.to_lowercase();
        Err(CatalogError::new(CatalogErrorKind::NotFound, format!("database {name} does not exist")))
    }

    fn see_table(&self, database: &str, table: &str) -> Result<()> {
        self.see_database(database)?;
        if self.guard.level(database, Some(table)).is_some() {
            return Ok(());
        }
        let (database, table) = (database.to_lowercase(), table.to_lowercase());
        Err(CatalogError::new(CatalogErrorKind::NotFound, format!("table {database}.{table} does not exist")))
    }

    fn change_table(&self, database: &str, table: &str) -> Result<()> {
        self.see_table(database, table)?;
        self.need(Level::Write, database, Some(table))
    }

    fn need(&self, level: Level, database: &str, table: Option<&str>) -> Result<()> {
        if self.guard.level(database, table) >= Some(level) {
            return Ok(());
        }
        let database = database.to_lowercase();
        let (what, on) = match table.map(str::to_lowercase) {
            Some(table) => (format!("table {database}.{table}"), format!("{database}.{table}")),
            None => (format!("database {database}"), format!("{database}.*")),
        };
        let user = self.guard.user();
        Err(CatalogError::new(
            CatalogErrorKind::PermissionDenied,
            format!("user {user} may not change {what}: it takes a grant of {level} on {on}"),
        ))
    }

    fn check_location(&self, location: &str) -> Result<()> {
        self.guard.check_location(location).map_err(|error| {
            let Error { code, message, hint, .. } = error;
            let message = hint.map_or(message.clone(), |hint| format!("{message}; {hint}"));
            let kind = match code {
                ErrorCode::PermissionDenied => CatalogErrorKind::PermissionDenied,
                _ => CatalogErrorKind::Invalid,
            };
            CatalogError::new(kind, message)
        })
    }
}

#[async_trait]
impl Catalog for GuardedCatalog {
    async fn create_database(&self, database: Database) -> Result<()> {
        self.need(Level::Admin, &database.name, None)?;
        if let Some(location) = &database.location_uri {
            self.check_location(location)?;
        }
        self.inner.create_database(database).await
    }

    async fn database(&self, name: &str) -> Result<Database> {
        self.see_database(name)?;
        self.inner.database(name).await
    }

    async fn databases(&self) -> Result<Vec<Database>> {
        let mut all = self.inner.databases().await?;
        all.retain(|database| self.see_database(&database.name).is_ok());
        Ok(all)
    }

    async fn drop_database(&self, name: &str, mode: DropMode) -> Result<()> {
        self.see_database(name)?;
        self.need(Level::Admin, name, None)?;
        self.inner.drop_database(name, mode).await
    }

    async fn create_table(&self, table: Table) -> Result<()> {
        self.see_database(&table.database)?;
        self.need(Level::Write, &table.database, Some(&table.name))?;
        if table.table_type == TableType::External {
            self.check_location(&table.storage.location)?;
        }
        self.inner.create_table(table).await
    }

    async fn table(&self, database: &str, name: &str) -> Result<Table> {
        self.see_table(database, name)?;
        self.inner.table(database, name).await
    }

    async fn table_and_state(&self, database: &str, name: &str) -> Result<(Table, PartitionsState)> {
        self.see_table(database, name)?;
        self.inner.table_and_state(database, name).await
    }

    async fn tables(&self, database: &str) -> Result<Vec<Table>> {
        self.see_database(database)?;
        let mut all = self.inner.tables(database).await?;
        all.retain(|table| self.guard.level(database, Some(&table.name)).is_some());
        Ok(all)
    }

    async fn update_table(&self, table: Table) -> Result<()> {
        self.change_table(&table.database, &table.name)?;
        let before = self.inner.table(&table.database, &table.name).await?;
        if before.storage.location != table.storage.location {
            self.check_location(&table.storage.location)?;
        }
        self.inner.update_table(table).await
    }

    async fn drop_table(&self, database: &str, name: &str) -> Result<()> {
        self.change_table(database, name)?;
        self.inner.drop_table(database, name).await
    }

    /// Partitions below their table's location are where the table's maker was allowed to put it.
    async fn create_partitions(&self, database: &str, table: &str, partitions: Vec<Partition>) -> Result<()> {
        self.change_table(database, table)?;
        let owner = self.inner.table(database, table).await?;
        for partition in &partitions {
            if !self.guard.lies_below(&partition.storage.location, &owner.storage.location) {
                self.check_location(&partition.storage.location)?;
            }
        }
        self.inner.create_partitions(database, table, partitions).await
    }

    async fn partitions(&self, database: &str, table: &str) -> Result<Vec<Partition>> {
        self.see_table(database, table)?;
        self.inner.partitions(database, table).await
    }

    async fn drop_partition(&self, database: &str, table: &str, values: &[String]) -> Result<()> {
        self.change_table(database, table)?;
        self.inner.drop_partition(database, table, values).await
    }
}
