//! The statements, and the one place that decides which one a text is.

use std::fmt;

use super::cursor::Cursor;
use super::{alter_table, create_table, database, show};
use crate::catalog::DropMode;
use crate::error::{CatalogError, Position, Result};
use crate::hive_type::HiveType;
use crate::model::{Column, Database, Parameters, StorageDescriptor, Table, TableType};

#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    Ddl(Ddl),
    Show(Show),
    Describe(Describe),
    /// `USE database`
    Use(String),
}

/// What changes the catalog.
#[derive(Debug, Clone, PartialEq)]
pub enum Ddl {
    CreateDatabase {
        database: Database,
        if_not_exists: bool,
    },
    DropDatabase {
        name: String,
        if_exists: bool,
        mode: DropMode,
    },
    CreateTable(Box<CreateTable>),
    DropTable {
        table: TableName,
        if_exists: bool,
    },
    AlterTable {
        table: TableName,
        change: Change,
    },
    /// `MSCK REPAIR TABLE`: adds the partitions whose folders exist.
    RepairTable {
        table: TableName,
    },
}

/// `ALTER TABLE t ...`
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    AddPartitions { partitions: Vec<NewPartition>, if_not_exists: bool },
    DropPartitions { partitions: Vec<PartitionSpec>, if_exists: bool },
    AddColumns(Vec<Column>),
    ReplaceColumns(Vec<Column>),
    SetLocation(String),
    SetProperties(Parameters),
    UnsetProperties(Vec<String>),
}

/// A table to create: all of its definition but the database it falls into and the time.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    pub name: TableName,
    pub if_not_exists: bool,
    pub description: Option<String>,
    pub storage: StorageDescriptor,
    pub partition_keys: Vec<Column>,
    pub parameters: Parameters,
}

impl CreateTable {
    /// `create_time` in milliseconds since the epoch.
    pub fn into_table(self, current_database: &str, create_time: i64) -> Table {
        Table {
            database: self.name.database_or(current_database).to_owned(),
            name: self.name.name,
            description: self.description,
            table_type: TableType::External,
            storage: self.storage,
            partition_keys: self.partition_keys,
            parameters: self.parameters,
            create_time,
        }
    }
}

/// `SHOW ...`; a pattern is Hive's: `*` for anything, `|` between alternatives.
#[derive(Debug, Clone, PartialEq)]
pub enum Show {
    Databases { pattern: Option<String> },
    Tables { database: Option<String>, pattern: Option<String> },
    Views { database: Option<String>, pattern: Option<String> },
    Columns { table: TableName },
    Partitions { table: TableName },
    CreateTable { table: TableName },
    TableProperties { table: TableName, property: Option<String> },
}

/// `DESCRIBE [EXTENDED|FORMATTED] t [column]`
#[derive(Debug, Clone, PartialEq)]
pub struct Describe {
    pub table: TableName,
    /// With location, format and properties.
    pub formatted: bool,
    pub column: Option<String>,
}

/// A table as a statement names it, in lower case, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    pub database: Option<String>,
    pub name: String,
    pub position: Position,
}

impl TableName {
    pub fn database_or<'a>(&'a self, current: &'a str) -> &'a str {
        self.database.as_deref().unwrap_or(current)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.database {
            Some(database) => write!(f, "{database}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A partition to add, and where its files are when not in the folder that its values name.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPartition {
    pub spec: PartitionSpec,
    pub location: Option<String>,
}

/// `PARTITION (year=2024, month='01')`
#[derive(Debug, Clone, PartialEq)]
pub struct PartitionSpec {
    pub pairs: Vec<(String, String)>,
    pub position: Position,
}

impl PartitionSpec {
    /// The values in the order of the table's keys; every key must be given, and nothing else.
    pub fn values(&self, table: &Table) -> Result<Vec<String>> {
        let keys = &table.partition_keys;
        if keys.is_empty() {
            let message = format!("table {}.{} is not partitioned", table.database, table.name);
            return Err(CatalogError::invalid(message).at(self.position));
        }
        if let Some((unknown, _)) = self.pairs.iter().find(|(name, _)| !keys.iter().any(|key| key.name == *name)) {
            let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
            let message = format!("{unknown} is not a partition column; the table's are {}", names.join(", "));
            return Err(CatalogError::invalid(message).at(self.position));
        }
        let value_of = |key: &Column| {
            let mut values = self.pairs.iter().filter(|(name, _)| *name == key.name).map(|(_, value)| value);
            match (values.next(), values.next()) {
                (Some(value), None) => Ok(value.clone()),
                (None, _) => Err(CatalogError::invalid(format!("partition column {} has no value", key.name))),
                (Some(_), Some(_)) => {
                    Err(CatalogError::invalid(format!("partition column {} has two values", key.name)))
                }
            }
        };
        let checked = |key: &Column| value_of(key).and_then(|value| fits(key, &value).map(|()| value));
        keys.iter().map(checked).collect::<Result<_>>().map_err(|error| error.at(self.position))
    }
}

/// A value that does not read as its column's type would fail every query that comes upon it.
fn fits(key: &Column, value: &str) -> Result<()> {
    let data_type = HiveType::of(key)?;
    if crate::pruning::reads_as(value, &data_type) {
        return Ok(());
    }
    let message = format!("{value:?} is no {data_type}, the type of partition column {}", key.name);
    Err(CatalogError::invalid(message))
}

/// Reads one statement.
pub fn parse(text: &str) -> Result<Statement> {
    parse_at(text, Position::START)
}

/// Reads one statement whose first character is at `start` of a longer script; errors carry places in that script.
pub fn parse_at(text: &str, start: Position) -> Result<Statement> {
    let mut cursor = Cursor::new(text, start)?;
    let statement = statement(&mut cursor)?;
    cursor.expect_end()?;
    Ok(statement)
}

fn statement(cursor: &mut Cursor) -> Result<Statement> {
    if cursor.word("CREATE") {
        create(cursor).map(Statement::Ddl)
    } else if cursor.word("DROP") {
        drop(cursor).map(Statement::Ddl)
    } else if cursor.words(&["ALTER", "TABLE"]) {
        alter_table::parse(cursor).map(Statement::Ddl)
    } else if cursor.word("ALTER") {
        Err(cursor.expected("TABLE"))
    } else if cursor.word("MSCK") {
        cursor.expect_word("REPAIR")?;
        cursor.expect_word("TABLE")?;
        Ok(Statement::Ddl(Ddl::RepairTable { table: cursor.table_name()? }))
    } else if cursor.word("SHOW") {
        show::parse(cursor).map(Statement::Show)
    } else if cursor.word("DESCRIBE") || cursor.word("DESC") {
        show::parse_describe(cursor).map(Statement::Describe)
    } else if cursor.word("USE") {
        Ok(Statement::Use(cursor.name("the name of a database")?))
    } else {
        Err(cursor.expected("CREATE, DROP, ALTER TABLE, MSCK REPAIR TABLE, SHOW, DESCRIBE or USE"))
    }
}

fn create(cursor: &mut Cursor) -> Result<Ddl> {
    if cursor.word("DATABASE") || cursor.word("SCHEMA") {
        return database::create(cursor);
    }
    if cursor.peek_word("VIEW") || cursor.peek_word("OR") {
        return Err(cursor.not_supported("CREATE VIEW"));
    }
    let external = cursor.word("EXTERNAL");
    if cursor.word("TABLE") {
        return create_table::parse(cursor);
    }
    Err(cursor.expected(if external { "TABLE" } else { "EXTERNAL TABLE, TABLE, DATABASE or SCHEMA" }))
}

fn drop(cursor: &mut Cursor) -> Result<Ddl> {
    if cursor.word("DATABASE") || cursor.word("SCHEMA") {
        return database::drop(cursor);
    }
    if cursor.peek_word("VIEW") {
        return Err(cursor.not_supported("DROP VIEW"));
    }
    if !cursor.word("TABLE") {
        return Err(cursor.expected("TABLE, DATABASE or SCHEMA"));
    }
    let if_exists = cursor.words(&["IF", "EXISTS"]);
    let table = cursor.table_name()?;
    // Only the definition is dropped, so there is nothing to purge.
    cursor.word("PURGE");
    Ok(Ddl::DropTable { table, if_exists })
}
