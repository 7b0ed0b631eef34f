//! Tables by the names that statements use.

use arachne_catalog::ddl::TableName;
use arachne_catalog::{CatalogError, CatalogErrorKind, Table};

use super::DdlContext;
use crate::error::{Error, Result};
use crate::sql::near::nearest;

/// The table; when it does not exist the error says where it was named and which one may have been meant.
pub(super) async fn find(name: &TableName, context: &DdlContext<'_>) -> Result<Table> {
    let database = name.database_or(context.database);
    match context.catalog.table(database, &name.name).await {
        Ok(table) => Ok(table),
        Err(error) => Err(explained(error, name, context).await),
    }
}

async fn explained(error: CatalogError, name: &TableName, context: &DdlContext<'_>) -> Error {
    let missing = error.kind == CatalogErrorKind::NotFound;
    let error = Error::from(error.at(name.position));
    if !missing {
        return error;
    }
    let database = name.database_or(context.database);
    let near = match context.catalog.tables(database).await {
        Ok(tables) => nearest(&name.name, tables.into_iter().map(|table| table.name)),
        Err(_) => {
            let databases = context.catalog.databases().await.unwrap_or_default();
            nearest(database, databases.into_iter().map(|database| database.name))
        }
    };
    match near {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None => error,
    }
}
