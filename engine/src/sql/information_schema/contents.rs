//! What each table of `information_schema` holds.

use std::sync::Arc;

use arachne_catalog::{Catalog, CatalogError, CatalogErrorKind, Table, TableType};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::type_name::type_name;
use super::wanted::Wanted;
use crate::error::{Error, Result};
use crate::planner::session::CATALOG;

pub(super) const SCHEMA: &str = "information_schema";

/// The tables that are made of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contents {
    Columns,
    Schemata,
    Tables,
    Views,
}

/// A column of such a table.
enum Cells {
    Texts(Vec<Option<String>>),
    Numbers(Vec<i64>),
}

impl Contents {
    pub(super) const ALL: [Self; 4] = [Self::Columns, Self::Schemata, Self::Tables, Self::Views];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Columns => "columns",
            Self::Schemata => "schemata",
            Self::Tables => "tables",
            Self::Views => "views",
        }
    }

    /// The column with the name of a row's database.
    pub(super) fn schema_column(self) -> &'static str {
        match self {
            Self::Schemata => "schema_name",
            Self::Columns | Self::Tables | Self::Views => "table_schema",
        }
    }

    fn column_names(self) -> &'static [&'static str] {
        match self {
            Self::Columns => &[
                "table_catalog",
                "table_schema",
                "table_name",
                "column_name",
                "ordinal_position",
                "column_default",
                "is_nullable",
                "data_type",
                "comment",
                "extra_info",
            ],
            Self::Schemata => &["catalog_name", "schema_name"],
            Self::Tables => &["table_catalog", "table_schema", "table_name", "table_type"],
            Self::Views => &["table_catalog", "table_schema", "table_name", "view_definition"],
        }
    }

    pub(super) fn schema(self) -> SchemaRef {
        let field = |name: &&str| {
            let data_type = if *name == "ordinal_position" { DataType::Int64 } else { DataType::Utf8 };
            let may_miss = ["column_default", "comment", "extra_info", "view_definition"].contains(name);
            Field::new(*name, data_type, may_miss)
        };
        Arc::new(Schema::new(self.column_names().iter().map(field).collect::<Vec<_>>()))
    }

    /// Asks the catalog for what is wanted, and perhaps more.
    ///
    /// # Errors
    /// What the catalog says; what is dropped meanwhile is left out.
    pub(super) async fn rows(self, catalog: &dyn Catalog, wanted: &Wanted) -> Result<RecordBatch> {
        let columns = match self {
            Self::Schemata => {
                let mut names = databases(catalog, wanted).await?;
                names.extend(wanted.has_schema(SCHEMA).then(|| SCHEMA.to_owned()));
                vec![the_catalog(names.len()), texts(names)]
            }
            Self::Tables => {
                let mut rows = Vec::new();
                for table in tables(catalog, wanted).await? {
                    let table_type = if table.table_type == TableType::View { "VIEW" } else { "BASE TABLE" };
                    rows.push([table.database, table.name, table_type.to_owned()]);
                }
                let own = own_tables(wanted).map(|own| [SCHEMA, own.name(), "BASE TABLE"].map(ToOwned::to_owned));
                named(rows.into_iter().chain(own))
            }
            Self::Views => {
                let views = tables(catalog, wanted).await?.into_iter();
                let views = views.filter(|table| table.table_type == TableType::View);
                let rows: Vec<_> = views.map(|view| [view.database, view.name]).collect();
                let count = rows.len();
                let mut columns = named(rows.into_iter());
                columns.push(Cells::Texts(vec![None; count]));
                columns
            }
            Self::Columns => columns_of_all(&tables(catalog, wanted).await?, wanted),
        };
        let arrays = columns.into_iter().map(Cells::into_array).collect();
        RecordBatch::try_new(self.schema(), arrays).map_err(Error::from)
    }
}

fn columns_of_all(tables: &[Table], wanted: &Wanted) -> Vec<Cells> {
    let mut columns = Columns::default();
    for table in tables {
        let own = table.storage.columns.iter().map(|column| (column, None));
        let keys = table.partition_keys.iter().map(|column| (column, Some("partition key".to_owned())));
        for (nth, (column, extra_info)) in (1..).zip(own.chain(keys)) {
            columns.place.push([table.database.clone(), table.name.clone(), column.name.clone()]);
            columns.position.push(nth);
            columns.data_type.push(type_name(column));
            columns.comment.push(column.comment.clone());
            columns.extra_info.push(extra_info);
        }
    }
    for table in own_tables(wanted) {
        for (nth, field) in (1..).zip(table.schema().fields()) {
            columns.place.push([SCHEMA, table.name(), field.name()].map(ToOwned::to_owned));
            columns.position.push(nth);
            let name = if *field.data_type() == DataType::Int64 { "bigint" } else { "varchar" };
            columns.data_type.push(name.to_owned());
            columns.comment.push(None);
            columns.extra_info.push(None);
        }
    }
    columns.into_cells()
}

#[derive(Default)]
struct Columns {
    /// Database, table, column.
    place: Vec<[String; 3]>,
    position: Vec<i64>,
    data_type: Vec<String>,
    comment: Vec<Option<String>>,
    extra_info: Vec<Option<String>>,
}

impl Columns {
    fn into_cells(self) -> Vec<Cells> {
        let count = self.place.len();
        let mut cells = named(self.place.into_iter());
        cells.extend([
            Cells::Numbers(self.position),
            Cells::Texts(vec![None; count]),
            // A lake promises nothing.
            texts(vec!["YES".to_owned(); count]),
            texts(self.data_type),
            Cells::Texts(self.comment),
            Cells::Texts(self.extra_info),
        ]);
        cells
    }
}

impl Cells {
    fn into_array(self) -> ArrayRef {
        match self {
            Self::Texts(texts) => Arc::new(StringArray::from(texts)),
            Self::Numbers(numbers) => Arc::new(Int64Array::from(numbers)),
        }
    }
}

/// The name of the catalog, and then the cells of rows.
fn named<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> Vec<Cells> {
    let mut columns: [Vec<String>; N] = std::array::from_fn(|_| Vec::new());
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    let count = columns.first().map_or(0, Vec::len);
    std::iter::once(the_catalog(count)).chain(columns.map(texts)).collect()
}

fn the_catalog(count: usize) -> Cells {
    texts(vec![CATALOG.to_owned(); count])
}

fn texts(texts: Vec<String>) -> Cells {
    Cells::Texts(texts.into_iter().map(Some).collect())
}

/// The tables of this schema itself.
fn own_tables(wanted: &Wanted) -> impl Iterator<Item = Contents> {
    Contents::ALL.into_iter().filter(|own| wanted.has_schema(SCHEMA) && wanted.has_table(own.name()))
}

async fn databases(catalog: &dyn Catalog, wanted: &Wanted) -> Result<Vec<String>> {
    let Some(names) = &wanted.schemas else {
        return Ok(catalog.databases().await?.into_iter().map(|database| database.name).collect());
    };
    let mut found = Vec::new();
    for name in names.iter().filter(|name| *name != SCHEMA) {
        found.extend(if_there(catalog.database(name).await)?.map(|database| database.name));
    }
    Ok(found)
}

async fn tables(catalog: &dyn Catalog, wanted: &Wanted) -> Result<Vec<Table>> {
    let mut found = Vec::new();
    for database in databases(catalog, wanted).await? {
        match &wanted.tables {
            None => found.extend(if_there(catalog.tables(&database).await)?.unwrap_or_default()),
            Some(names) => {
                for name in names {
                    found.extend(if_there(catalog.table(&database, name).await)?);
                }
            }
        }
    }
    Ok(found)
}

fn if_there<T>(found: std::result::Result<T, CatalogError>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == CatalogErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
