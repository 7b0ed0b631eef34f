//! Databases, tables and partitions in AWS Glue's shape and words, so that Glue, the Athena metadata calls and
//! `SHOW CREATE TABLE` fall out of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub type Parameters = BTreeMap<String, String>;

/// A namespace of tables. Names are lower case, as Athena keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub name: String,
    pub description: Option<String>,
    pub location_uri: Option<String>,
    pub parameters: Parameters,
}

/// A column with its Hive type (`bigint`, `decimal(10,2)`, `array<string>`, ...).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub data_type: String,
    pub comment: Option<String>,
}

/// How rows are written in a file: the Hive serialisation class and its settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerDe {
    pub serialization_library: String,
    pub parameters: Parameters,
}

/// Where a table's or partition's files lie and how they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageDescriptor {
    pub columns: Vec<Column>,
    /// `s3://bucket/prefix/` (or `file:///dir/`).
    pub location: String,
    pub input_format: String,
    pub output_format: String,
    pub serde: SerDe,
    pub compressed: bool,
    /// How the rows of every file are sorted, if they are. A promise of whoever declares the table: it is not checked.
    #[serde(default)]
    pub sort_columns: Vec<SortColumn>,
    pub parameters: Parameters,
}

/// One column of a sort order: Glue's `Order`, and where nulls stand, for which Glue has no word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortColumn {
    pub column: String,
    pub direction: SortDirection,
    pub nulls: NullOrder,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SortDirection {
    #[default]
    Ascending,
    Descending,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NullOrder {
    First,
    /// What `ORDER BY` means in Athena, in both directions.
    #[default]
    Last,
}

/// A table: its columns are `storage.columns` followed by `partition_keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub database: String,
    pub name: String,
    pub description: Option<String>,
    pub table_type: TableType,
    pub storage: StorageDescriptor,
    pub partition_keys: Vec<Column>,
    /// `TBLPROPERTIES`.
    pub parameters: Parameters,
    /// Milliseconds since the epoch.
    pub create_time: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableType {
    #[serde(rename = "EXTERNAL_TABLE")]
    External,
    #[serde(rename = "VIRTUAL_VIEW")]
    View,
}

/// One partition of a table: the values of its partition keys, in order, as Hive writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    pub values: Vec<String>,
    pub storage: StorageDescriptor,
    pub parameters: Parameters,
}
