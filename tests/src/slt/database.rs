//! The engines as sqllogictest sees them.

use std::fmt;
use std::sync::{Arc, Mutex};

use sqllogictest::{DB, DBOutput, DefaultColumnType};

use super::{Mode, cell};
use crate::answer::Answer;
use crate::duckdb::DuckDbSession;
use crate::engine::Engine;

/// One engine with the tables of one file.
#[derive(Clone)]
pub(crate) struct Database {
    asked: Asked,
    lake: String,
    duckdb_lake: String,
}

#[derive(Clone)]
enum Asked {
    Arachne(Box<Engine>),
    DuckDb(Arc<Mutex<DuckDbSession>>),
}

/// An error as users read it, on one line.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl Database {
    pub(super) fn start(mode: Mode) -> Self {
        let asked = match mode.engine() {
            Some(engine) => Asked::Arachne(Box::new(engine)),
            None => Asked::DuckDb(Arc::new(Mutex::new(DuckDbSession::start().expect("DuckDB starts")))),
        };
        Self { asked, lake: mode.lake(), duckdb_lake: Mode::DuckDb.lake() }
    }

    fn answer(&self, sql: &str) -> Result<Answer, Refused> {
        match &self.asked {
            Asked::Arachne(engine) => {
                let sql = sql.replace("$LAKE", &self.lake);
                engine.run(&sql).map(|outcome| outcome.answer).map_err(|error| self.refused(&error))
            }
            Asked::DuckDb(session) => {
                let sql = sql.replace("$LAKE", &self.duckdb_lake);
                let mut session = session.lock().expect("no other test uses this session");
                session.ask(&sql).expect("DuckDB answers").map_err(Refused)
            }
        }
    }

    fn refused(&self, error: &arachne_engine::Error) -> Refused {
        let place = error.position.map(|at| format!(" at {}:{}", at.line, at.column)).unwrap_or_default();
        let hint = error.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        Refused(format!("{error}{place}{hint}").replace(&self.lake, "$LAKE").replace('\n', " "))
    }
}

impl DB for Database {
    type Error = Refused;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Refused> {
        let answer = self.answer(sql)?;
        if answer.columns.is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        let columns = 0..answer.columns.len();
        Ok(DBOutput::Rows {
            types: columns.map(|column| cell::type_of(answer.rows.iter().map(|row| &row[column]))).collect(),
            rows: answer.rows.iter().map(|row| row.iter().map(cell::text).collect()).collect(),
        })
    }

    fn engine_name(&self) -> &str {
        match self.asked {
            Asked::Arachne(_) => "arachne",
            Asked::DuckDb(_) => "duckdb",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}
