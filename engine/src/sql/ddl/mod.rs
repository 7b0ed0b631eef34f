//! Statements of the catalog, performed: what they change, and the rows that they answer with.
//!
//! Rows are in the columns of Athena's `GetQueryResults` (`tab_name`, `col_name`, ...), each value in a column of its own; a
//! door that must have Athena's tabs and padding adds them. Statements that only change something answer without columns.

mod change;
mod describe;
mod partitions;
mod rows;
mod show;
mod tables;

use std::fmt;

use arachne_catalog::{Catalog, Table};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use super::statement::Statement;
use crate::error::{Error, ErrorCode, Result};

/// What a statement needs of its surroundings.
#[derive(Debug)]
pub struct DdlContext<'a> {
    pub catalog: &'a dyn Catalog,
    /// Where names without a database belong.
    pub database: &'a str,
    /// Milliseconds since the epoch: the creation time of a new table.
    pub now: i64,
    pub folders: &'a dyn PartitionFolders,
}

/// Looks into a table's location, for `MSCK REPAIR TABLE`.
#[async_trait]
pub trait PartitionFolders: fmt::Debug + Send + Sync {
    /// The folders below the table's location that hold data files, relative to it: `year=2024/month=01`.
    /// Folders that do not fit the table's partition keys may be among them; they are passed over.
    async fn partition_folders(&self, table: &Table) -> Result<Vec<String>>;
}

/// Performs a statement of the catalog.
///
/// # Errors
///
/// What the catalog objects to, with the place in the statement and the name that was probably meant; `Internal` for a query,
/// which is the planner's.
pub async fn execute(statement: &Statement, context: &DdlContext<'_>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    match statement {
        Statement::Ddl(ddl) => change::execute(ddl, context).await,
        Statement::Show(show) => show::execute(show, context).await,
        Statement::Describe(describe) => describe::execute(describe, context).await,
        Statement::Use { database } => {
            context.catalog.database(database).await?;
            Ok(rows::none())
        }
        Statement::Set { .. } | Statement::Reset { .. } => Err(Error::new(
            ErrorCode::NotSupported,
            "SET and RESET belong to a session, which this request has none of",
        )
        .with_hint("send the setting with the query")),
        Statement::Query(_) | Statement::Explain(_) => {
            Err(Error::internal("a query is not a statement of the catalog"))
        }
    }
}

/// The columns that [`execute`] answers with; none for a statement that only changes something.
pub fn schema_of(statement: &Statement) -> SchemaRef {
    match statement {
        Statement::Ddl(ddl) => change::schema_of(ddl),
        Statement::Show(show) => show::schema_of(show),
        Statement::Describe(_) => describe::schema(),
        Statement::Use { .. }
        | Statement::Set { .. }
        | Statement::Reset { .. }
        | Statement::Query(_)
        | Statement::Explain(_) => rows::none().0,
    }
}

#[cfg(test)]
mod tests;
