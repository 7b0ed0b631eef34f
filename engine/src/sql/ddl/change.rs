//! What changes the catalog.

use arachne_catalog::ddl::{Change, CreateTable, Ddl, TableName};
use arachne_catalog::{CatalogError, CatalogErrorKind, Column, Table};
use arrow::datatypes::SchemaRef;

use super::rows::{Rows, none};
use super::{DdlContext, partitions, tables};
use crate::error::{Error, Result};

pub(super) async fn execute(ddl: &Ddl, context: &DdlContext<'_>) -> Result<Rows> {
    let catalog = context.catalog;
    match ddl {
        Ddl::CreateDatabase { database, if_not_exists } => {
            unless(*if_not_exists, CatalogErrorKind::AlreadyExists, catalog.create_database(database.clone()).await)?;
        }
        Ddl::DropDatabase { name, if_exists, mode } => {
            unless(*if_exists, CatalogErrorKind::NotFound, catalog.drop_database(name, *mode).await)?;
        }
        Ddl::CreateTable(create) => create_table(create, context).await?,
        Ddl::DropTable { table, if_exists } => {
            match tables::find(table, context).await {
                Ok(found) => unless(
                    *if_exists,
                    CatalogErrorKind::NotFound,
                    catalog.drop_table(&found.database, &found.name).await,
                )?,
                Err(error) if *if_exists && error.code == crate::error::ErrorCode::NotFound => {}
                Err(error) => return Err(error),
            };
        }
        Ddl::AlterTable { table, change } => {
            let found = tables::find(table, context).await?;
            alter_table(found, table, change, context).await?;
        }
        Ddl::RepairTable { table } => {
            let found = tables::find(table, context).await?;
            return partitions::repair(&found, context).await;
        }
    }
    Ok(none())
}

pub(super) fn schema_of(ddl: &Ddl) -> SchemaRef {
    match ddl {
        Ddl::RepairTable { .. } => partitions::repair_schema(),
        Ddl::CreateDatabase { .. }
        | Ddl::DropDatabase { .. }
        | Ddl::CreateTable(_)
        | Ddl::DropTable { .. }
        | Ddl::AlterTable { .. } => none().0,
    }
}

/// Success also where `forgiven` (by IF EXISTS or IF NOT EXISTS) and the failure is of the forgiven kind.
fn unless(forgiven: bool, kind: CatalogErrorKind, result: Result<(), CatalogError>) -> Result<(), CatalogError> {
    match result {
        Err(error) if forgiven && error.kind == kind => Ok(()),
        other => other,
    }
}

async fn create_table(create: &CreateTable, context: &DdlContext<'_>) -> Result<()> {
    if create.storage.columns.is_empty() {
        let error = CatalogError::invalid(format!("table {} has no columns", create.name)).at(create.name.position);
        return Err(Error::from(error).with_hint(
            "name them: (a int, b string, ...); SELECT * FROM 's3://bucket/prefix/' reads files without a table",
        ));
    }
    let table = create.clone().into_table(context.database, context.now);
    let created = context.catalog.create_table(table).await;
    Ok(unless(create.if_not_exists, CatalogErrorKind::AlreadyExists, created)
        .map_err(|error| error.at(create.name.position))?)
}

async fn alter_table(mut table: Table, name: &TableName, change: &Change, context: &DdlContext<'_>) -> Result<()> {
    match change {
        Change::AddPartitions { partitions, if_not_exists } => {
            return partitions::add(&table, partitions, *if_not_exists, context).await;
        }
        Change::DropPartitions { partitions, if_exists } => {
            return partitions::drop(&table, partitions, *if_exists, context).await;
        }
        Change::AddColumns(columns) => table.storage.columns.extend(columns.iter().map(lower)),
        Change::ReplaceColumns(columns) => table.storage.columns = columns.iter().map(lower).collect(),
        Change::SetLocation(location) => table.storage.location.clone_from(location),
        Change::SetProperties(properties) => table.parameters.extend(properties.clone()),
        Change::UnsetProperties(names) => table.parameters.retain(|name, _| !names.contains(name)),
    }
    Ok(context.catalog.update_table(table).await.map_err(|error| error.at(name.position))?)
}

fn lower(column: &Column) -> Column {
    Column { name: column.name.to_lowercase(), ..column.clone() }
}
