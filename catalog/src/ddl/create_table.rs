//! `CREATE [EXTERNAL] TABLE`.
//!
//! Clauses may come in any order, each once. A table always lies at a LOCATION, with EXTERNAL or without.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::statement::{CreateTable, Ddl};
use super::storage::StorageClauses;
use crate::error::{CatalogError, Result};
use crate::model::{Column, NullOrder, Parameters, SortColumn, SortDirection};

pub(super) fn parse(cursor: &mut Cursor) -> Result<Ddl> {
    let if_not_exists = cursor.words(&["IF", "NOT", "EXISTS"]);
    let name = cursor.table_name()?;
    if cursor.peek_word("AS") || (cursor.peek_word("WITH") && !cursor.peek_words(&["WITH", "ORDER"])) {
        return Err(cursor.not_supported("CREATE TABLE AS SELECT"));
    }
    if cursor.peek_word("LIKE") {
        return Err(cursor.not_supported("CREATE TABLE LIKE"));
    }
    let columns = if cursor.token(&Token::LParen) { columns(cursor)? } else { Vec::new() };

    let mut clauses = Clauses::default();
    while clauses.parse_next(cursor)? {}

    let position = name.position;
    let Some(location) = clauses.location else {
        let message = format!("table {name} has no location: add LOCATION 's3://bucket/prefix/'");
        return Err(CatalogError::invalid(message).at(position));
    };
    let partition_keys = clauses.partition_keys.unwrap_or_default();
    check_names(&columns, &partition_keys).map_err(|error| error.at(position))?;
    let mut storage = clauses.storage.resolve(location).map_err(|error| error.at(position))?;
    storage.columns = columns;
    storage.sort_columns = clauses.order.unwrap_or_default();
    Ok(Ddl::CreateTable(Box::new(CreateTable {
        name,
        if_not_exists,
        description: clauses.comment,
        storage,
        partition_keys,
        parameters: clauses.properties.unwrap_or_default(),
    })))
}

/// What is left of a list whose opening bracket is taken; an empty one is no list of columns in Hive.
fn columns(cursor: &mut Cursor) -> Result<Vec<Column>> {
    let mut columns = vec![cursor.column()?];
    while cursor.token(&Token::Comma) {
        columns.push(cursor.column()?);
    }
    if cursor.token(&Token::RParen) { Ok(columns) } else { Err(cursor.expected("COMMENT, ',' or ')'")) }
}

fn check_names(columns: &[Column], keys: &[Column]) -> Result<()> {
    let all: Vec<&Column> = columns.iter().chain(keys).collect();
    for (index, column) in all.iter().enumerate() {
        if all[..index].iter().any(|other| other.name == column.name) {
            let place = if index >= columns.len() { "; PARTITIONED BY declares its columns itself" } else { "" };
            return Err(CatalogError::invalid(format!("column {} is declared twice{place}", column.name)));
        }
    }
    Ok(())
}

#[derive(Default)]
struct Clauses {
    comment: Option<String>,
    partition_keys: Option<Vec<Column>>,
    storage: StorageClauses,
    location: Option<String>,
    order: Option<Vec<SortColumn>>,
    properties: Option<Parameters>,
}

impl Clauses {
    /// False when what follows is no clause.
    fn parse_next(&mut self, cursor: &mut Cursor) -> Result<bool> {
        let position = cursor.position();
        let (name, doubled) = if cursor.word("COMMENT") {
            ("COMMENT", self.comment.replace(cursor.string("a comment")?).is_some())
        } else if cursor.words(&["PARTITIONED", "BY"]) {
            ("PARTITIONED BY", self.partition_keys.replace(cursor.list(Cursor::column)?).is_some())
        } else if cursor.word("LOCATION") {
            ("LOCATION", self.location.replace(location(cursor)?).is_some())
        } else if cursor.words(&["WITH", "ORDER"]) {
            ("WITH ORDER", self.order.replace(cursor.list(sort_column)?).is_some())
        } else if cursor.word("TBLPROPERTIES") {
            ("TBLPROPERTIES", self.properties.replace(cursor.properties()?).is_some())
        } else if cursor.peek_word("CLUSTERED") || cursor.peek_word("SKEWED") {
            return Err(cursor.not_supported("CLUSTERED BY"));
        } else {
            return self.storage.parse_next(cursor);
        };
        match doubled {
            true => Err(CatalogError::invalid(format!("{name} is given twice")).at(position)),
            false => Ok(true),
        }
    }
}

/// `column [ASC | DESC] [NULLS FIRST | NULLS LAST]`, as in `ORDER BY`.
fn sort_column(cursor: &mut Cursor) -> Result<SortColumn> {
    let column = cursor.name("the name of a column")?;
    let direction = if cursor.word("DESC") {
        SortDirection::Descending
    } else {
        cursor.word("ASC");
        SortDirection::Ascending
    };
    let nulls = if cursor.words(&["NULLS", "FIRST"]) {
        NullOrder::First
    } else {
        cursor.words(&["NULLS", "LAST"]);
        NullOrder::Last
    };
    Ok(SortColumn { column, direction, nulls })
}

/// A location that means the same in every process.
pub(super) fn location(cursor: &mut Cursor) -> Result<String> {
    let position = cursor.position();
    let location = cursor.string("a location")?;
    let known = ["s3://", "s3a://", "s3n://", "file://", "/"].iter().any(|start| location.starts_with(start));
    if known {
        return Ok(location);
    }
    let message = format!("{location:?} is no location: write 's3://bucket/prefix/' or an absolute path");
    Err(CatalogError::invalid(message).at(position))
}
