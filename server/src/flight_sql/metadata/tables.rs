//! GetTables: tables, with their columns where these are asked for. Nothing but the catalog is read.

use std::collections::HashMap;
use std::sync::Arc;

use arachne_catalog::hive_type::field_of;
use arachne_catalog::{Column, Table, TableType};
use arrow::array::StringArray;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::CommandGetTables;
use arrow_flight::sql::metadata::GetTablesBuilder;

use super::{CATALOG, NamePattern, databases};
use crate::flight_sql::caller::Caller;
use crate::flight_sql::door::Inner;
use crate::flight_sql::status::{Refusal, Result};
use crate::format::wire_schema;

/// What tables and views are called.
struct Words {
    table: &'static str,
    view: &'static str,
}

impl Words {
    /// JDBC and ODBC spell them in capitals; ADBC's drivers do not, and what is built on them (sqlalchemy-adbc) compares letter by
    /// letter.
    fn of(caller: &Caller) -> Self {
        if caller.is_adbc { Self { table: "table", view: "view" } } else { Self { table: "TABLE", view: "VIEW" } }
    }

    fn kind(&self, table: &Table) -> &'static str {
        match table.table_type {
            TableType::External => self.table,
            TableType::View => self.view,
        }
    }
}

/// What else clients call a table.
const ALSO_TABLE: [&str; 2] = ["BASE TABLE", "EXTERNAL TABLE"];

pub(super) fn types_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("table_type", DataType::Utf8, false)]))
}

pub(super) fn types(caller: &Caller) -> Result<RecordBatch> {
    let Words { table, view } = Words::of(caller);
    Ok(RecordBatch::try_new(types_schema(), vec![Arc::new(StringArray::from(vec![table, view]))])?)
}

pub(super) async fn list(door: &Inner, caller: &Caller, command: &CommandGetTables) -> Result<RecordBatch> {
    let mut rows =
        GetTablesBuilder::new(None::<String>, None::<String>, None::<String>, None::<String>, command.include_schema);
    let words = Words::of(caller);
    let pattern = NamePattern::new(command.table_name_filter_pattern.as_deref());
    let (catalog, database_pattern) = (command.catalog.as_deref(), command.db_schema_filter_pattern.as_deref());
    let tables = door.doors.service.catalog_of(&caller.principal);
    for database in databases::matching(door, caller, catalog, database_pattern).await? {
        for table in tables.tables(&database).await? {
            let kind = words.kind(&table);
            if !is_wanted(kind, &command.table_types) || !pattern.matches(&table.name)? {
                continue;
            }
            let schema = if command.include_schema { schema_of(&table)? } else { Schema::empty() };
            rows.append(CATALOG, &database, &table.name, kind, &schema)?;
        }
    }
    Ok(rows.build()?)
}

fn is_wanted(kind: &str, wanted: &[String]) -> bool {
    let names = |wanted: &String| {
        let is_alias =
            kind.eq_ignore_ascii_case("table") && ALSO_TABLE.iter().any(|alias| alias.eq_ignore_ascii_case(wanted));
        is_alias || kind.eq_ignore_ascii_case(wanted)
    };
    wanted.is_empty() || wanted.iter().any(names)
}

/// The columns as `SELECT *` gives them, with what drivers want to know of each.
fn schema_of(table: &Table) -> Result<Schema> {
    let columns = table.storage.columns.iter().chain(&table.partition_keys);
    let fields = columns.map(|column| Ok((column, field_of(column)?)));
    let fields = fields.collect::<Result<Vec<(&Column, Field)>, arachne_catalog::CatalogError>>().map_err(|error| {
        let place = format!("table {}.{}", table.database, table.name);
        Refusal::from(error).within(&place)
    })?;
    let schema = wire_schema(&Schema::new(fields.iter().map(|(_, field)| field.clone()).collect::<Vec<_>>()));
    let described = schema.fields().iter().zip(&fields).map(|(field, (column, _))| {
        let metadata = metadata(table, column, field);
        field.as_ref().clone().with_metadata(metadata)
    });
    Ok(Schema::new(described.collect::<Vec<_>>()))
}

/// Flight SQL's names for it, in FlightSql.proto at CommandGetTables.
fn metadata(table: &Table, column: &Column, field: &Field) -> HashMap<String, String> {
    let mut known = vec![
        ("CATALOG_NAME", CATALOG.to_owned()),
        ("SCHEMA_NAME", table.database.clone()),
        ("TABLE_NAME", table.name.clone()),
        ("TYPE_NAME", column.data_type.clone()),
        ("IS_AUTO_INCREMENT", "0".to_owned()),
        ("IS_CASE_SENSITIVE", if field.data_type() == &DataType::Utf8 { "1" } else { "0" }.to_owned()),
        ("IS_READ_ONLY", "1".to_owned()),
        ("IS_SEARCHABLE", "1".to_owned()),
    ];
    if let DataType::Decimal128(precision, scale) = field.data_type() {
        known.push(("PRECISION", precision.to_string()));
        known.push(("SCALE", scale.to_string()));
    }
    if let Some(comment) = &column.comment {
        known.push(("REMARKS", comment.clone()));
    }
    known.into_iter().map(|(name, value)| (format!("ARROW:FLIGHT:SQL:{name}"), value)).collect()
}
