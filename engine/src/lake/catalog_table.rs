//! A table that the catalog declares.

use std::sync::Arc;

use arachne_catalog::format::FileFormat as CatalogFormat;
use arachne_catalog::{Partition, PartitionsState, Table, TableType, hive_type};
use arrow::datatypes::{FieldRef, Schema};

use super::LakeContext;
use super::known_partitions::{Partitions, ReadAs};
use super::location::Location;
use super::partition_folders::PartitionFolder;
use super::partition_values::{columns_of, parse_values};
use super::source::FileSourceOf;
use super::table::{LakeTable, TableFormat};
use crate::error::{Error, ErrorCode, Result};
use crate::formats::{TextFormat, TextOptions};

impl LakeTable {
    /// From a catalog table: declared columns, files below its location or its partitions'.
    ///
    /// Athena shows no row of a partitioned table until partitions are added. Here a table without registered partitions reads
    /// the `key=value` folders below its location; once one is registered, only registered ones are read.
    ///
    /// `state` came with the table.
    pub async fn from_catalog(context: Arc<LakeContext>, table: Table, state: PartitionsState) -> Result<Self> {
        let name = format!("{}.{}", table.database, table.name);
        if table.table_type == TableType::View {
            return Err(Error::new(ErrorCode::NotSupported, format!("{name} is a view; views are not supported yet")));
        }
        let format = format_of(&name, &table)?;
        let file_schema =
            Arc::new(hive_type::schema_of(&table.storage.columns).map_err(|error| in_table(&name, error))?);
        let keys = hive_type::schema_of(&table.partition_keys).map_err(|error| in_table(&name, error))?;
        let keys: Vec<FieldRef> = keys.fields().iter().cloned().collect();
        let source = source_of(&context, &table, state, &keys).await?;
        let sorted_by = table.storage.sort_columns.clone();
        Ok(Self::new(context, name, format, file_schema, keys, source)?.sorted_by(sorted_by))
    }
}

fn format_of(name: &str, table: &Table) -> Result<TableFormat> {
    match CatalogFormat::of(&table.storage) {
        Some(CatalogFormat::Parquet) => Ok(TableFormat::Parquet),
        Some(CatalogFormat::DelimitedText | CatalogFormat::QuotedCsv) => {
            Ok(TableFormat::Text(Arc::new(TextFormat::new(TextOptions::from_table(table)?))))
        }
        Some(other) => Err(Error::new(
            ErrorCode::NotSupported,
            format!("table {name} is stored as {other:?}, which cannot be read yet"),
        )
        .with_hint("Parquet and delimited text can be read")),
        None => {
            let serde = &table.storage.serde.serialization_library;
            Err(Error::new(ErrorCode::NotSupported, format!("table {name} has an unknown SerDe {serde}")))
        }
    }
}

async fn source_of(
    context: &LakeContext,
    table: &Table,
    state: PartitionsState,
    keys: &[FieldRef],
) -> Result<FileSourceOf> {
    if !keys.is_empty() {
        let registered = registered(context, table, state, keys).await?;
        if !registered.folders.is_empty() {
            return Ok(FileSourceOf::CatalogPartitions(registered));
        }
    }
    let (store, folder) = Location::folder(&table.storage.location)?;
    Ok(match keys.is_empty() {
        true => FileSourceOf::Folder { store, folder },
        false => FileSourceOf::PartitionFolders { store, folder },
    })
}

/// What the catalog knows, or has said to an earlier query while it was in the same state.
async fn registered(
    context: &LakeContext,
    table: &Table,
    state: PartitionsState,
    keys: &[FieldRef],
) -> Result<Arc<Partitions>> {
    let name = (table.database.clone(), table.name.clone());
    let read_as = ReadAs { state, keys: keys.to_vec(), format: CatalogFormat::of(&table.storage) };
    if let Some(known) = context.known().partitions.get(&name, &read_as) {
        return Ok(known);
    }
    let all = context.catalog().partitions(&table.database, &table.name).await.map_err(Error::from)?;
    let partitions = Arc::new(partitions_of(table, &all, keys)?);
    context.known().partitions.put(name, read_as, Arc::clone(&partitions));
    Ok(partitions)
}

fn in_table(name: &str, error: arachne_catalog::CatalogError) -> Error {
    let error = Error::from(error);
    Error { message: format!("table {name}: {}", error.message), ..error }
}

/// Where registered partitions lie, and what their values are; nothing is listed. Fails for a partition whose values are not of its
/// keys' types, or whose format is not the table's.
fn partitions_of(table: &Table, partitions: &[Partition], keys: &[FieldRef]) -> Result<Partitions> {
    let format = CatalogFormat::of(&table.storage);
    for partition in partitions {
        let shown = || format!("partition ({}) of {}.{}", partition.values.join(", "), table.database, table.name);
        if partition.values.len() != keys.len() {
            let (values, keys) = (partition.values.len(), keys.len());
            return Err(Error::new(ErrorCode::InvalidData, format!("{} has {values} values for {keys} keys", shown())));
        }
        if !partition.storage.serde.serialization_library.is_empty() && CatalogFormat::of(&partition.storage) != format
        {
            return Err(Error::new(ErrorCode::NotSupported, format!("{} has another format than its table", shown())));
        }
    }
    let columns = keys.iter().enumerate().map(|(index, key)| {
        let texts: Vec<&str> =
            partitions.iter().filter_map(|partition| partition.values.get(index)).map(String::as_str).collect();
        Ok(parse_values(&texts, key)?.into_iter())
    });
    let mut columns = columns.collect::<Result<Vec<_>>>()?;
    let folders = partitions.iter().map(|partition| {
        let values = columns.iter_mut().filter_map(Iterator::next).collect();
        let (store, path) = Location::folder(&partition.storage.location)?;
        Ok((store, PartitionFolder { path, values }))
    });
    let folders = folders.collect::<Result<Vec<_>>>()?;
    let rows: Vec<_> = folders.iter().map(|(_, folder)| folder.values.as_slice()).collect();
    let values = columns_of(keys, &rows, keys.len())?;
    Ok(Partitions { folders, values })
}

/// The columns of files without those that partition folders give.
pub(super) fn without_keys(schema: &Schema, keys: &[FieldRef]) -> Schema {
    let is_key = |name: &str| keys.iter().any(|key| key.name().eq_ignore_ascii_case(name));
    Schema::new(schema.fields().iter().filter(|field| !is_key(field.name())).cloned().collect::<Vec<_>>())
}
