//! Trees as text, for each of the two engines.

mod expressions;
mod relations;

use super::predicate::Type;
use super::relation::Relation;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Arachne,
    DuckDb,
}

/// What is run: a tree, and perhaps an order of all its rows.
#[derive(Debug, Clone)]
pub struct Query {
    pub relation: Relation,
    /// A bit a column.
    pub descending: Option<u8>,
}

/// A query as text.
#[derive(Debug, Clone)]
pub struct Written {
    pub sql: String,
    /// Whether rows come in an order.
    pub ordered: bool,
}

impl Query {
    pub fn write(&self, dialect: Dialect) -> Written {
        let mut writer = Writer { dialect, aliases: 0 };
        let select = writer.relation(&self.relation);
        let Some(descending) = self.descending else { return Written { sql: select.sql, ordered: false } };
        let alias = writer.alias();
        let order = order_by_all(&alias, &select.types, descending);
        Written { sql: format!("SELECT * FROM ({}) {alias} ORDER BY {order}", select.sql), ordered: true }
    }
}

/// A SELECT with columns `c0`, `c1`, …
struct Select {
    sql: String,
    types: Vec<Type>,
    /// At most so many rows, roughly.
    rows: f64,
}

/// A column as it is named where an expression stands.
#[derive(Clone)]
struct InScope {
    name: String,
    of: Type,
}

struct Writer {
    dialect: Dialect,
    aliases: usize,
}

impl Writer {
    fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }
}

fn scope(alias: &str, types: &[Type]) -> Vec<InScope> {
    types.iter().enumerate().map(|(number, of)| InScope { name: format!("{alias}.c{number}"), of: *of }).collect()
}

/// One order whatever the engine's defaults are.
fn order_by_all(alias: &str, types: &[Type], descending: u8) -> String {
    let columns = (0..types.len()).map(|number| {
        let down = descending >> (number % 8) & 1 == 1;
        let (direction, nulls) = if down { (" DESC", "LAST") } else { ("", "FIRST") };
        format!("{alias}.c{number}{direction} NULLS {nulls}")
    });
    columns.collect::<Vec<_>>().join(", ")
}
