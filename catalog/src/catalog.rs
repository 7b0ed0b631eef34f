//! The one trait, and what every implementation promises (checked by `contract`).

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Database, Partition, Table};

/// The database that always exists: it is there from the start and cannot be dropped.
pub const DEFAULT_DATABASE: &str = "default";

/// Databases, tables and partitions that outlive the process.
///
/// Names are kept and compared in lower case. Every method fails with `NotFound` where a parent does not exist, and with
/// `Invalid` where a definition contradicts itself (a column named twice, a type that is no Hive type, too few partition values).
#[async_trait]
pub trait Catalog: std::fmt::Debug + Send + Sync + 'static {
    async fn create_database(&self, database: Database) -> Result<()>;
    async fn database(&self, name: &str) -> Result<Database>;
    /// In order of name.
    async fn databases(&self) -> Result<Vec<Database>>;
    /// Fails with `NotEmpty` when it holds tables and `cascade` is not asked for.
    async fn drop_database(&self, name: &str, mode: DropMode) -> Result<()>;

    async fn create_table(&self, table: Table) -> Result<()>;
    async fn table(&self, database: &str, name: &str) -> Result<Table>;
    /// A table, and the state that its partitions are in.
    async fn table_and_state(&self, database: &str, name: &str) -> Result<(Table, PartitionsState)>;
    /// In order of name.
    async fn tables(&self, database: &str) -> Result<Vec<Table>>;
    /// Replaces the definition of an existing table; its partitions stay.
    async fn update_table(&self, table: Table) -> Result<()>;
    /// The definition and its partitions; never the data.
    async fn drop_table(&self, database: &str, name: &str) -> Result<()>;

    /// Adds partitions; one that exists already (same values) fails the whole call with `AlreadyExists`.
    async fn create_partitions(&self, database: &str, table: &str, partitions: Vec<Partition>) -> Result<()>;
    /// In order of values.
    async fn partitions(&self, database: &str, table: &str) -> Result<Vec<Partition>>;
    async fn drop_partition(&self, database: &str, table: &str, values: &[String]) -> Result<()>;
}

/// While a catalog gives equal states of a table, its partitions are the same: none was added, changed or dropped in between, by
/// whatever process. States of two tables, or of two catalogs, are not to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionsState(i64);

impl PartitionsState {
    /// After so many changes.
    pub(crate) fn after(changes: i64) -> Self {
        Self(changes)
    }
}

/// What happens to the tables of a database that is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropMode {
    Restrict,
    Cascade,
}
