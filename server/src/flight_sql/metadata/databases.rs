//! GetDbSchemas: databases.

use arrow::record_batch::RecordBatch;
use arrow_flight::sql::CommandGetDbSchemas;
use arrow_flight::sql::metadata::GetDbSchemasBuilder;

use super::{CATALOG, NamePattern, is_ours};
use crate::flight_sql::caller::Caller;
use crate::flight_sql::door::Inner;
use crate::flight_sql::status::Result;

pub(super) async fn list(door: &Inner, caller: &Caller, command: &CommandGetDbSchemas) -> Result<RecordBatch> {
    // It is the pattern here that selects.
    let mut rows = GetDbSchemasBuilder::new(None::<String>, None::<String>);
    for name in matching(door, caller, command.catalog.as_deref(), command.db_schema_filter_pattern.as_deref()).await? {
        rows.append(CATALOG, name);
    }
    Ok(rows.build()?)
}

/// The names of databases that the caller may see, in order.
pub(super) async fn matching(
    door: &Inner,
    caller: &Caller,
    catalog: Option<&str>,
    pattern: Option<&str>,
) -> Result<Vec<String>> {
    if !is_ours(catalog) {
        return Ok(Vec::new());
    }
    let pattern = NamePattern::new(pattern);
    let mut names = Vec::new();
    for database in door.doors.service.catalog_of(&caller.principal).databases().await? {
        if pattern.matches(&database.name)? {
            names.push(database.name);
        }
    }
    Ok(names)
}
