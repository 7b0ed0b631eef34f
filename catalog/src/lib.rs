//! Databases, tables and partitions: what lies in the lake and where.
//!
//! Knows Arrow's schemas and Hive's words; knows no query engine.

mod catalog;
mod error;
mod model;

pub use catalog::{Catalog, DropMode};
pub use error::{CatalogError, CatalogErrorKind, Result};
pub use model::{Column, Database, Parameters, Partition, SerDe, StorageDescriptor, Table, TableType};
