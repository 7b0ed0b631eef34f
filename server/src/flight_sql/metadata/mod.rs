//! What drivers ask before and beside queries: which catalogs, databases, tables and types there are, and what the server can do.
//!
//! Each command has a schema, which Flight SQL fixes and drivers compare, and rows. Names come from the catalog as the caller may see it.

mod databases;
mod keys;
mod sql_info;
mod tables;
mod types;

use std::sync::Arc;

use arrow::array::{ArrayRef, Scalar, StringArray};
use arrow::compute::kernels::comparison::like;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::Command;
use arrow_flight::sql::metadata::GetCatalogsBuilder;

use super::caller::Caller;
use super::door::Inner;
use super::status::Result;

/// The one catalog, as SQL names it.
pub(super) const CATALOG: &str = "awsdatacatalog";

/// The columns of the answer; None for a command that asks for no metadata.
pub(super) fn schema(command: &Command) -> Option<SchemaRef> {
    Some(match command {
        Command::CommandGetCatalogs(_) => GetCatalogsBuilder::new().schema(),
        Command::CommandGetDbSchemas(command) => command.clone().into_builder().schema(),
        Command::CommandGetTables(command) => command.clone().into_builder().schema(),
        Command::CommandGetTableTypes(_) => tables::types_schema(),
        Command::CommandGetPrimaryKeys(_) => keys::primary(),
        Command::CommandGetExportedKeys(_)
        | Command::CommandGetImportedKeys(_)
        | Command::CommandGetCrossReference(_) => keys::foreign(),
        Command::CommandGetSqlInfo(_) => sql_info::schema(),
        Command::CommandGetXdbcTypeInfo(_) => types::schema(),
        _ => return None,
    })
}

/// The answer; None for a command that asks for no metadata.
pub(super) async fn rows(door: &Inner, caller: &Caller, command: &Command) -> Result<Option<RecordBatch>> {
    Ok(Some(match command {
        Command::CommandGetCatalogs(_) => {
            let mut catalogs = GetCatalogsBuilder::new();
            catalogs.append(CATALOG);
            catalogs.build()?
        }
        Command::CommandGetDbSchemas(command) => databases::list(door, caller, command).await?,
        Command::CommandGetTables(command) => tables::list(door, caller, command).await?,
        Command::CommandGetTableTypes(_) => tables::types(caller)?,
        // A lake promises no keys.
        Command::CommandGetPrimaryKeys(_) => RecordBatch::new_empty(keys::primary()),
        Command::CommandGetExportedKeys(_)
        | Command::CommandGetImportedKeys(_)
        | Command::CommandGetCrossReference(_) => RecordBatch::new_empty(keys::foreign()),
        Command::CommandGetSqlInfo(command) => sql_info::rows(command)?,
        Command::CommandGetXdbcTypeInfo(command) => types::rows(command)?,
        _ => return Ok(None),
    }))
}

/// No catalog means all of them; the empty name means what is in none.
fn is_ours(catalog: Option<&str>) -> bool {
    catalog.is_none_or(|name| name.eq_ignore_ascii_case(CATALOG))
}

/// A pattern of SQL's LIKE, with `\` to escape. Names are in lower case, and so they are found whatever the case of the pattern.
struct NamePattern(Option<String>);

impl NamePattern {
    fn new(pattern: Option<&str>) -> Self {
        Self(pattern.map(str::to_lowercase))
    }

    fn matches(&self, name: &str) -> Result<bool> {
        let Some(pattern) = &self.0 else { return Ok(true) };
        let names: ArrayRef = Arc::new(StringArray::from(vec![name]));
        let pattern: ArrayRef = Arc::new(StringArray::from(vec![pattern.as_str()]));
        Ok(like(&names, &Scalar::new(pattern))?.value(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_like_s_with_escapes() {
        let matches = |pattern: Option<&str>, name: &str| NamePattern::new(pattern).matches(name).unwrap();
        assert!(matches(None, "orders") && matches(Some("%"), "orders") && matches(Some("Ord_rs"), "orders"));
        assert!(matches(Some(r"big\_orders"), "big_orders") && !matches(Some(r"big\_orders"), "bigxorders"));
        assert!(!matches(Some(""), "orders") && !matches(Some("order"), "orders"));
    }
}
