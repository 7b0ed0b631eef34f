//! `ALTER TABLE ADD/DROP PARTITION` and `MSCK REPAIR TABLE`.

use std::collections::{BTreeMap, HashSet};

use arachne_catalog::ddl::{NewPartition, PartitionSpec};
use arachne_catalog::{CatalogErrorKind, Parameters, Partition, StorageDescriptor, Table, hive_path};

use arrow::datatypes::SchemaRef;

use super::DdlContext;
use super::rows::{self, Rows};
use crate::error::{Error, ErrorCode, Result};

pub(super) async fn add(
    table: &Table,
    partitions: &[NewPartition],
    if_not_exists: bool,
    context: &DdlContext<'_>,
) -> Result<()> {
    let mut known = if if_not_exists { known_values(table, context).await? } else { HashSet::new() };
    let mut added = Vec::new();
    for partition in partitions {
        let values = partition.spec.values(table)?;
        if if_not_exists && !known.insert(values.clone()) {
            continue;
        }
        added.push(at_location(table, values, partition.location.clone()));
    }
    Ok(context.catalog.create_partitions(&table.database, &table.name, added).await?)
}

pub(super) async fn drop(
    table: &Table,
    partitions: &[PartitionSpec],
    if_exists: bool,
    context: &DdlContext<'_>,
) -> Result<()> {
    for spec in partitions {
        let values = spec.values(table)?;
        match context.catalog.drop_partition(&table.database, &table.name, &values).await {
            Err(error) if if_exists && error.kind == CatalogErrorKind::NotFound => {}
            Err(error) => return Err(error.at(spec.position).into()),
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Adds the partitions whose folders exist, drops none; answers in Hive's words.
pub(super) async fn repair(table: &Table, context: &DdlContext<'_>) -> Result<Rows> {
    if table.partition_keys.is_empty() {
        let message = format!("table {}.{} is not partitioned, there is nothing to repair", table.database, table.name);
        return Err(Error::new(ErrorCode::InvalidArgument, message));
    }
    let known = known_values(table, context).await?;
    let folders = context.folders.partition_folders(table).await?;
    let values_of = |folder: &String| Some((hive_path::values_of(&table.partition_keys, folder)?, folder.clone()));
    let found: BTreeMap<Vec<String>, String> = folders.iter().filter_map(values_of).collect();

    let added: Vec<_> = found.iter().filter(|(values, _)| !known.contains(*values)).collect();
    let mut gone: Vec<&Vec<String>> = known.iter().filter(|values| !found.contains_key(*values)).collect();
    gone.sort();
    let named = |values: &Vec<String>| format!("{}:{}", table.name, hive_path::print(&table.partition_keys, values));
    let mut lines = Vec::new();
    if !added.is_empty() {
        let names: Vec<String> = added.iter().map(|(values, _)| named(values)).collect();
        lines.push(format!("Partitions not in metastore:\t{}", names.join("\t")));
        lines.extend(names.iter().map(|name| format!("Repair: Added partition to metastore {name}")));
    }
    if !gone.is_empty() {
        let names: Vec<String> = gone.into_iter().map(named).collect();
        lines.push(format!("Partitions missing from filesystem:\t{}", names.join("\t")));
    }
    // Writers escape more or less of a value than Hive does: the partition is where it was found.
    let location =
        |folder: &str| format!("{}/{}/", table.storage.location.trim_end_matches('/'), folder.trim_matches('/'));
    let added =
        added.into_iter().map(|(values, folder)| at_location(table, values.clone(), Some(location(folder)))).collect();
    context.catalog.create_partitions(&table.database, &table.name, added).await?;
    rows::text(["result"], lines.into_iter().map(|line| [line]))
}

pub(super) fn repair_schema() -> SchemaRef {
    rows::schema(["result"])
}

async fn known_values(table: &Table, context: &DdlContext<'_>) -> Result<HashSet<Vec<String>>> {
    let partitions = context.catalog.partitions(&table.database, &table.name).await?;
    Ok(partitions.into_iter().map(|partition| partition.values).collect())
}

/// A partition is stored as its table is; without a location it lies in the folder that its values name.
fn at_location(table: &Table, values: Vec<String>, location: Option<String>) -> Partition {
    let location = location.unwrap_or_else(|| {
        let folder = hive_path::print(&table.partition_keys, &values);
        format!("{}/{folder}/", table.storage.location.trim_end_matches('/'))
    });
    let storage = StorageDescriptor { location, ..table.storage.clone() };
    Partition { values, storage, parameters: Parameters::new() }
}
