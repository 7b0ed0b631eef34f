//! Databases, tables and partitions: what lies in the lake and where.
//!
//! Knows Arrow's schemas and Hive's words; knows no query engine.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod catalog;
pub mod ddl;
mod error;
pub mod format;
pub mod history;
pub mod hive_path;
pub mod hive_type;
mod memory;
mod model;
pub mod pruning;
mod rules;
mod sql_store;

pub use catalog::{Catalog, DEFAULT_DATABASE, DropMode, PartitionsState};
pub use error::{CatalogError, CatalogErrorKind, Position, Result};
pub use hive_type::HiveType;
pub use memory::MemoryCatalog;
pub use model::{
    Column, Database, NullOrder, Parameters, Partition, SerDe, SortColumn, SortDirection, StorageDescriptor, Table,
    TableType,
};
pub use sql_store::SqlCatalog;

#[cfg(test)]
mod contract;
