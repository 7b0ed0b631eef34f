//! `SHOW ...` and `DESCRIBE`.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::statement::{Describe, Show};
use crate::error::Result;

pub(super) fn parse(cursor: &mut Cursor) -> Result<Show> {
    if cursor.word("DATABASES") || cursor.word("SCHEMAS") {
        // There is one catalog; `SHOW SCHEMAS IN awsdatacatalog` names it.
        database(cursor)?;
        Ok(Show::Databases { pattern: pattern(cursor)? })
    } else if cursor.word("TABLES") {
        Ok(Show::Tables { database: database(cursor)?, pattern: pattern(cursor)? })
    } else if cursor.word("VIEWS") {
        Ok(Show::Views { database: database(cursor)?, pattern: pattern(cursor)? })
    } else if cursor.word("COLUMNS") {
        if !(cursor.word("FROM") || cursor.word("IN")) {
            return Err(cursor.expected("FROM or IN"));
        }
        let mut table = cursor.table_name()?;
        // Hive's older form: `SHOW COLUMNS FROM t IN db`.
        if let Some(database) = database(cursor)? {
            table.database = Some(database);
        }
        Ok(Show::Columns { table })
    } else if cursor.word("PARTITIONS") {
        Ok(Show::Partitions { table: cursor.table_name()? })
    } else if cursor.words(&["CREATE", "TABLE"]) {
        Ok(Show::CreateTable { table: cursor.table_name()? })
    } else if cursor.word("TBLPROPERTIES") {
        let table = cursor.table_name()?;
        let property = if cursor.token(&Token::LParen) {
            let name = cursor.string("a property's name")?;
            cursor.expect(&Token::RParen)?;
            Some(name)
        } else {
            None
        };
        Ok(Show::TableProperties { table, property })
    } else {
        Err(cursor.expected("TABLES, DATABASES, VIEWS, COLUMNS, PARTITIONS, CREATE TABLE or TBLPROPERTIES"))
    }
}

pub(super) fn parse_describe(cursor: &mut Cursor) -> Result<Describe> {
    let formatted = cursor.word("FORMATTED") || cursor.word("EXTENDED");
    let table = cursor.table_name()?;
    if cursor.peek_word("PARTITION") {
        return Err(cursor.not_supported("DESCRIBE of one partition"));
    }
    let column = if ends(cursor) { None } else { Some(cursor.name("the name of a column")?) };
    Ok(Describe { table, formatted, column })
}

/// `[IN|FROM database]`
fn database(cursor: &mut Cursor) -> Result<Option<String>> {
    if cursor.word("IN") || cursor.word("FROM") { cursor.name("the name of a database").map(Some) } else { Ok(None) }
}

/// `[[LIKE] 'pattern']`
fn pattern(cursor: &mut Cursor) -> Result<Option<String>> {
    let like = cursor.word("LIKE");
    if !like && ends(cursor) { Ok(None) } else { cursor.string("a pattern").map(Some) }
}

fn ends(cursor: &Cursor) -> bool {
    matches!(cursor.peek(), Token::EOF | Token::SemiColon)
}
