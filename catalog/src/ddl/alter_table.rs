//! `ALTER TABLE`.

use sqlparser::tokenizer::Token;

use super::create_table::location;
use super::cursor::Cursor;
use super::statement::{Change, Ddl, NewPartition};
use crate::error::Result;

pub(super) fn parse(cursor: &mut Cursor) -> Result<Ddl> {
    let table = cursor.table_name()?;
    let change = if cursor.word("ADD") {
        add(cursor)?
    } else if cursor.word("DROP") {
        drop(cursor)?
    } else if cursor.word("REPLACE") {
        cursor.expect_word("COLUMNS")?;
        Change::ReplaceColumns(cursor.list(Cursor::column)?)
    } else if cursor.word("SET") {
        set(cursor)?
    } else if cursor.word("UNSET") {
        cursor.expect_word("TBLPROPERTIES")?;
        Change::UnsetProperties(cursor.list(|cursor| cursor.string("a property's name"))?)
    } else if cursor.peek_word("RENAME") || cursor.peek_word("CHANGE") || cursor.peek_word("PARTITION") {
        return Err(cursor.not_supported("this ALTER TABLE"));
    } else {
        return Err(cursor.expected("ADD, DROP, REPLACE, SET or UNSET"));
    };
    Ok(Ddl::AlterTable { table, change })
}

fn add(cursor: &mut Cursor) -> Result<Change> {
    if cursor.word("COLUMNS") {
        return Ok(Change::AddColumns(cursor.list(Cursor::column)?));
    }
    let if_not_exists = cursor.words(&["IF", "NOT", "EXISTS"]);
    if !cursor.peek_word("PARTITION") {
        return Err(cursor.expected("COLUMNS or PARTITION"));
    }
    let mut partitions = Vec::new();
    while cursor.peek_word("PARTITION") {
        let spec = cursor.partition_spec()?;
        let location = if cursor.word("LOCATION") { Some(location(cursor)?) } else { None };
        partitions.push(NewPartition { spec, location });
        // Hive takes no comma here, people write one.
        cursor.token(&Token::Comma);
    }
    Ok(Change::AddPartitions { partitions, if_not_exists })
}

fn drop(cursor: &mut Cursor) -> Result<Change> {
    if cursor.peek_word("COLUMN") {
        return Err(cursor.not_supported("DROP COLUMN (use REPLACE COLUMNS)"));
    }
    let if_exists = cursor.words(&["IF", "EXISTS"]);
    let mut partitions = vec![cursor.partition_spec()?];
    while cursor.token(&Token::Comma) {
        partitions.push(cursor.partition_spec()?);
    }
    cursor.word("PURGE");
    Ok(Change::DropPartitions { partitions, if_exists })
}

fn set(cursor: &mut Cursor) -> Result<Change> {
    if cursor.word("LOCATION") {
        return location(cursor).map(Change::SetLocation);
    }
    if cursor.word("TBLPROPERTIES") {
        return cursor.properties().map(Change::SetProperties);
    }
    Err(cursor.expected("LOCATION or TBLPROPERTIES"))
}
