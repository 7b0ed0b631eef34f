//! Random queries over small tables with every trap that data has: nulls, duplicates, skew, empty files, declared orders.
//!
//! [`Relation`] is a tree that proptest grows and shrinks. It holds no names and no types, only picks ("the third column that is a
//! number"), so that any tree is a valid query, whatever is cut from it. [`sql`] writes it as text. Whatever has a choice in SQL is
//! pinned down: rows are numbered and limited in the order of all their columns, and places of nulls are said.

mod predicate;
mod relation;
mod sql;
mod strategy;
mod tables;

pub use predicate::{Comparison, Expression, Predicate, Type};
pub use relation::{Aggregate, Function, JoinKind, Relation, SetOperation};
pub use sql::{Dialect, Query, Written};
pub use strategy::queries;
pub use tables::RandomTables;
