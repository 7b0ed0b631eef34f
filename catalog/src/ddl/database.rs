//! `CREATE DATABASE` and `DROP DATABASE`.

use super::cursor::Cursor;
use super::statement::Ddl;
use crate::catalog::DropMode;
use crate::error::Result;
use crate::model::Database;

pub(super) fn create(cursor: &mut Cursor) -> Result<Ddl> {
    let if_not_exists = cursor.words(&["IF", "NOT", "EXISTS"]);
    let mut database = Database { name: cursor.name("the name of a database")?, ..Database::default() };
    loop {
        if cursor.word("COMMENT") {
            database.description = Some(cursor.string("a comment")?);
        } else if cursor.word("LOCATION") {
            database.location_uri = Some(cursor.string("a location")?);
        } else if cursor.words(&["WITH", "DBPROPERTIES"]) {
            database.parameters = cursor.properties()?;
        } else {
            return Ok(Ddl::CreateDatabase { database, if_not_exists });
        }
    }
}

pub(super) fn drop(cursor: &mut Cursor) -> Result<Ddl> {
    let if_exists = cursor.words(&["IF", "EXISTS"]);
    let name = cursor.name("the name of a database")?;
    let mode = if cursor.word("CASCADE") {
        DropMode::Cascade
    } else {
        cursor.word("RESTRICT");
        DropMode::Restrict
    };
    Ok(Ddl::DropDatabase { name, if_exists, mode })
}
