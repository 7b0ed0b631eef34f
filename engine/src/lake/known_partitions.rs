//! Partitions that the catalog has given, kept between queries.
//!
//! Reading the days of a year from the catalog takes longer than planning a query of one of them. What is kept serves as long as the
//! catalog says that the table's partitions are in the same state; it says so to every query anew, with the table's definition.

use std::sync::Arc;

use arachne_catalog::PartitionsState;
use arachne_catalog::format::FileFormat;
use arrow::array::RecordBatch;
use arrow::datatypes::FieldRef;
use moka::sync::Cache;

use super::partition_folders::PartitionFolder;
use crate::storage::StoreUrl;

/// Partitions of all tables together, at about 300 bytes each.
const MOST: u64 = 200_000;

/// The partitions of a table, as scans need them. Empty where the catalog has none.
#[derive(Debug)]
pub(super) struct Partitions {
    pub(super) folders: Vec<(StoreUrl, PartitionFolder)>,
    /// Their values: a row for each folder, a column for each key.
    pub(super) values: RecordBatch,
}

/// What decides how the catalog's partitions are read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReadAs {
    pub(super) state: PartitionsState,
    pub(super) keys: Vec<FieldRef>,
    pub(super) format: Option<FileFormat>,
}

/// The partitions of the tables that were asked for last, by database and name.
#[derive(Debug)]
pub(super) struct KnownPartitions(Cache<(String, String), Known>);

type Known = Arc<(ReadAs, Arc<Partitions>)>;

impl Default for KnownPartitions {
    fn default() -> Self {
        let weight = |_: &_, known: &Known| u32::try_from(known.1.folders.len() + 1).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(MOST).weigher(weight).build())
    }
}

impl KnownPartitions {
    pub(super) fn get(&self, table: &(String, String), read_as: &ReadAs) -> Option<Arc<Partitions>> {
        let known = self.0.get(table)?;
        (known.0 == *read_as).then(|| Arc::clone(&known.1))
    }

    /// `partitions` were asked for after the state of `read_as` was.
    pub(super) fn put(&self, table: (String, String), read_as: ReadAs, partitions: Arc<Partitions>) {
        self.0.insert(table, Arc::new((read_as, partitions)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arachne_catalog::{Catalog, MemoryCatalog};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[tokio::test]
    async fn what_was_read_otherwise_does_not_serve() {
        let key = |data_type| -> Vec<FieldRef> { vec![Arc::new(Field::new("k", data_type, true))] };
        let catalog = MemoryCatalog::new();
        let table = serde_json::from_str(
            r#"{"database":"default","name":"t","description":null,"table_type":"EXTERNAL_TABLE","partition_keys":[],
                "parameters":{},"create_time":0,"storage":{"columns":[{"name":"v","data_type":"int","comment":null}],
                "location":"s3://b/t/","input_format":"","output_format":"","compressed":false,"parameters":{},
                "serde":{"serialization_library":"","parameters":{}}}}"#,
        );
        catalog.create_table(table.unwrap()).await.unwrap();
        let (_, state) = catalog.table_and_state("default", "t").await.unwrap();
        let read_as = ReadAs { state, keys: key(DataType::Utf8), format: Some(FileFormat::Parquet) };
        let none = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let partitions = Arc::new(Partitions { folders: Vec::new(), values: none });
        let name = ("default".to_owned(), "t".to_owned());
        let known = KnownPartitions::default();
        known.put(name.clone(), read_as.clone(), Arc::clone(&partitions));
        assert!(Arc::ptr_eq(&known.get(&name, &read_as).unwrap(), &partitions));
        assert!(known.get(&name, &ReadAs { keys: key(DataType::Int32), ..read_as.clone() }).is_none());
        assert!(known.get(&name, &ReadAs { format: None, ..read_as.clone() }).is_none());
        assert!(known.get(&("sales".to_owned(), "t".to_owned()), &read_as).is_none());
        catalog.create_partitions("default", "t", Vec::new()).await.unwrap();
        let (_, state) = catalog.table_and_state("default", "t").await.unwrap();
        assert!(known.get(&name, &ReadAs { state, ..read_as }).is_none());
    }
}
