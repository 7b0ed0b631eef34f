//! A catalog that forgets: for tests and for sessions that keep nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::catalog::{Catalog, DEFAULT_DATABASE, DropMode, PartitionsState};
use crate::error::{CatalogError, Result};
use crate::model::{Database, Partition, Table};
use crate::rules::{check_droppable, check_partitions, checked_database, checked_table, lower, partition_exists};

#[derive(Debug)]
pub struct MemoryCatalog {
    databases: Mutex<BTreeMap<String, DatabaseEntry>>,
    /// Changes of partitions; counted while the databases are locked.
    changes: AtomicI64,
}

#[derive(Debug, Default)]
struct DatabaseEntry {
    database: Database,
    tables: BTreeMap<String, TableEntry>,
}

#[derive(Debug)]
struct TableEntry {
    table: Table,
    partitions: BTreeMap<Vec<String>, Partition>,
}

impl MemoryCatalog {
    /// Holds the empty database `default`.
    pub fn new() -> Self {
        let database = Database { name: DEFAULT_DATABASE.to_owned(), ..Database::default() };
        let entry = DatabaseEntry { database, tables: BTreeMap::new() };
        let databases = Mutex::new(BTreeMap::from([(DEFAULT_DATABASE.to_owned(), entry)]));
        Self { databases, changes: AtomicI64::new(0) }
    }

    /// A panic elsewhere cannot leave a half-made change: every change below is one insert or one remove.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, DatabaseEntry>> {
        self.databases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn partitions_change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for MemoryCatalog {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn create_database(&self, database: Database) -> Result<()> {
        let database = checked_database(database)?;
        let mut databases = self.lock();
        if databases.contains_key(&database.name) {
            return Err(CatalogError::exists(format_args!("database {}", database.name)));
        }
        databases.insert(database.name.clone(), DatabaseEntry { database, tables: BTreeMap::new() });
        Ok(())
    }

    async fn database(&self, name: &str) -> Result<Database> {
        Ok(entry(&mut self.lock(), name)?.database.clone())
    }

    async fn databases(&self) -> Result<Vec<Database>> {
        Ok(self.lock().values().map(|entry| entry.database.clone()).collect())
    }

    async fn drop_database(&self, name: &str, mode: DropMode) -> Result<()> {
        let mut databases = self.lock();
        let tables = entry(&mut databases, name)?.tables.len();
        check_droppable(&lower(name), tables, mode)?;
        databases.remove(&lower(name));
        self.partitions_change();
        Ok(())
    }

    async fn create_table(&self, table: Table) -> Result<()> {
        let table = checked_table(table)?;
        let mut databases = self.lock();
        let tables = &mut entry(&mut databases, &table.database)?.tables;
        if tables.contains_key(&table.name) {
            return Err(CatalogError::exists(format_args!("table {}.{}", table.database, table.name)));
        }
        tables.insert(table.name.clone(), TableEntry { table, partitions: BTreeMap::new() });
        Ok(())
    }

    async fn table(&self, database: &str, name: &str) -> Result<Table> {
        Ok(table_entry(&mut self.lock(), database, name)?.table.clone())
    }

    async fn table_and_state(&self, database: &str, name: &str) -> Result<(Table, PartitionsState)> {
        let mut databases = self.lock();
        let table = table_entry(&mut databases, database, name)?.table.clone();
        Ok((table, PartitionsState::after(self.changes.load(Ordering::Relaxed))))
    }

    async fn tables(&self, database: &str) -> Result<Vec<Table>> {
        Ok(entry(&mut self.lock(), database)?.tables.values().map(|entry| entry.table.clone()).collect())
    }

    async fn update_table(&self, table: Table) -> Result<()> {
        let table = checked_table(table)?;
        let mut databases = self.lock();
        table_entry(&mut databases, &table.database, &table.name)?.table = table.clone();
        Ok(())
    }

    async fn drop_table(&self, database: &str, name: &str) -> Result<()> {
        let mut databases = self.lock();
        table_entry(&mut databases, database, name)?;
        entry(&mut databases, database)?.tables.remove(&lower(name));
        self.partitions_change();
        Ok(())
    }

    async fn create_partitions(&self, database: &str, table: &str, partitions: Vec<Partition>) -> Result<()> {
        let mut databases = self.lock();
        let entry = table_entry(&mut databases, database, table)?;
        check_partitions(&entry.table, &partitions)?;
        if let Some(double) = partitions.iter().find(|partition| entry.partitions.contains_key(&partition.values)) {
            return Err(partition_exists(&entry.table, &double.values));
        }
        entry.partitions.extend(partitions.into_iter().map(|partition| (partition.values.clone(), partition)));
        self.partitions_change();
        Ok(())
    }

    async fn partitions(&self, database: &str, table: &str) -> Result<Vec<Partition>> {
        Ok(table_entry(&mut self.lock(), database, table)?.partitions.values().cloned().collect())
    }

    async fn drop_partition(&self, database: &str, table: &str, values: &[String]) -> Result<()> {
        let mut databases = self.lock();
        let entry = table_entry(&mut databases, database, table)?;
        match entry.partitions.remove(values) {
            Some(_) => {
                self.partitions_change();
                Ok(())
            }
            None => Err(CatalogError::no_partition(&lower(database), &lower(table), values)),
        }
    }
}

fn entry<'a>(databases: &'a mut BTreeMap<String, DatabaseEntry>, name: &str) -> Result<&'a mut DatabaseEntry> {
    let name = lower(name);
    databases.get_mut(&name).ok_or_else(|| CatalogError::no_database(&name))
}

fn table_entry<'a>(
    databases: &'a mut BTreeMap<String, DatabaseEntry>,
    database: &str,
    name: &str,
) -> Result<&'a mut TableEntry> {
    let key = lower(name);
    entry(databases, database)?.tables.get_mut(&key).ok_or_else(|| CatalogError::no_table(&lower(database), &key))
}
