//! Databases, tables and partitions.

use std::collections::BTreeMap;

use arachne_catalog::ddl::show_create_table;
use arachne_catalog::{Column, Database, Partition, Table, TableType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Databases)]
pub struct DatabasesDocument {
    /// In order of name.
    pub databases: Vec<DatabaseDocument>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Database)]
pub struct DatabaseDocument {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    pub parameters: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Tables)]
pub struct TablesDocument {
    /// In order of name.
    pub tables: Vec<TableNameDocument>,
    /// Where the next page is; also in the header `Link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A table in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = TableName)]
pub struct TableNameDocument {
    pub name: String,
    /// `EXTERNAL_TABLE` or `VIRTUAL_VIEW`.
    #[serde(rename = "type")]
    pub table_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub location: String,
    /// All names, those of partition keys last.
    pub columns: Vec<String>,
}

/// A table, whole.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Table)]
pub struct TableDocument {
    pub database: String,
    pub name: String,
    /// `EXTERNAL_TABLE` or `VIRTUAL_VIEW`.
    #[serde(rename = "type")]
    pub table_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Those in the files.
    pub columns: Vec<ColumnDocument>,
    /// Those in the names of folders; they follow the columns.
    pub partition_keys: Vec<ColumnDocument>,
    pub location: String,
    pub input_format: String,
    pub output_format: String,
    pub serde: String,
    pub serde_parameters: BTreeMap<String, String>,
    pub parameters: BTreeMap<String, String>,
    /// Milliseconds since 1970.
    pub created_ms: i64,
    /// `CREATE EXTERNAL TABLE`, as `SHOW CREATE TABLE` has it.
    pub ddl: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Column)]
pub struct ColumnDocument {
    pub name: String,
    /// In Hive's words: `bigint`, `decimal(10,2)`, `array<string>`.
    #[serde(rename = "type")]
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Partitions)]
pub struct PartitionsDocument {
    /// In order of values.
    pub partitions: Vec<PartitionDocument>,
    /// Where the next page is; also in the header `Link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Partition)]
pub struct PartitionDocument {
    /// By the name of the partition key, as Hive writes them.
    pub values: BTreeMap<String, String>,
    pub location: String,
    pub parameters: BTreeMap<String, String>,
}

/// What is known of a table without reading its rows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = TableStatistics)]
pub struct StatisticsDocument {
    pub columns: u64,
    pub partition_keys: u64,
    /// Those in the catalog.
    pub partitions: u64,
    /// Files that a query of the whole table reads.
    pub files: u64,
    /// Of those files, as they lie in storage.
    pub bytes: u64,
    /// As the catalog has it (`numRows` or `recordCount` among the table's parameters), true when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

impl From<Database> for DatabaseDocument {
    fn from(database: Database) -> Self {
        let Database { name, description, location_uri, parameters } = database;
        Self { name, description, location: location_uri, parameters }
    }
}

impl From<Table> for TableNameDocument {
    fn from(table: Table) -> Self {
        let columns = table.storage.columns.iter().chain(&table.partition_keys);
        Self {
            columns: columns.map(|column| column.name.clone()).collect(),
            table_type: table_type(table.table_type).to_owned(),
            description: table.description,
            location: table.storage.location,
            name: table.name,
        }
    }
}

impl From<Table> for TableDocument {
    fn from(table: Table) -> Self {
        let ddl = show_create_table(&table);
        let Table { database, name, description, table_type: kind, storage, partition_keys, parameters, create_time } =
            table;
        let columns = |columns: Vec<Column>| columns.into_iter().map(ColumnDocument::from).collect();
        Self {
            database,
            name,
            table_type: table_type(kind).to_owned(),
            description,
            columns: columns(storage.columns),
            partition_keys: columns(partition_keys),
            location: storage.location,
            input_format: storage.input_format,
            output_format: storage.output_format,
            serde: storage.serde.serialization_library,
            serde_parameters: storage.serde.parameters,
            parameters,
            created_ms: create_time,
            ddl,
        }
    }
}

impl From<Column> for ColumnDocument {
    fn from(column: Column) -> Self {
        let Column { name, data_type, comment } = column;
        Self { name, data_type, comment }
    }
}

impl PartitionDocument {
    pub(in crate::http) fn of(partition: Partition, keys: &[Column]) -> Self {
        let names = keys.iter().map(|key| key.name.clone());
        Self {
            values: names.zip(partition.values).collect(),
            location: partition.storage.location,
            parameters: partition.parameters,
        }
    }
}

fn table_type(table_type: TableType) -> &'static str {
    match table_type {
        TableType::External => "EXTERNAL_TABLE",
        TableType::View => "VIRTUAL_VIEW",
    }
}
