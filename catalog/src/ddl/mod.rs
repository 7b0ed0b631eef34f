//! Athena's Hive dialect: statements about databases, tables and partitions, as text and as the catalog's model.
//!
//! `sqlparser` cuts the text into tokens; the grammar is ours, because Hive's clauses (`ROW FORMAT`, `TBLPROPERTIES`,
//! `struct<a:int>`, back quotes, `\001` in strings) are only partly known there and every error must say where it is.
//! More is accepted than by Athena where that does no harm: clauses in any order, double-quoted names, `STORED AS CSV`.
//!
//! ```text
//! text -> tokens -> cursor -> create_table | alter_table | show -> Statement
//! Table -> print -> text that parses to the same table
//! ```

mod alter_table;
mod create_table;
mod cursor;
mod database;
mod dialect;
mod print;
mod show;
mod statement;
mod storage;
mod text;

pub use print::{quote_name, show_create_table};
pub use statement::{
    Change, CreateTable, Ddl, Describe, NewPartition, PartitionSpec, Show, Statement, TableName, parse, parse_at,
};

#[cfg(test)]
mod tests;
