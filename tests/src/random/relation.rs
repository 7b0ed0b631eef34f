//! Queries as trees.

use super::predicate::{Expression, Predicate, Type};

/// Rows with columns `c0`, `c1`, …
#[derive(Debug, Clone)]
pub enum Relation {
    Table(u8),
    Filter(Box<Relation>, Predicate),
    Project(Box<Relation>, Vec<(Type, Expression)>),
    Join {
        kind: JoinKind,
        left: Box<Relation>,
        right: Box<Relation>,
        /// Pairs of columns that are equal; true: nulls are equal as well.
        keys: Vec<(Type, u8, u8, bool)>,
        more: Option<Predicate>,
    },
    Group {
        input: Box<Relation>,
        keys: Vec<(Type, Expression)>,
        rollup: bool,
        aggregates: Vec<Aggregate>,
        having: Option<Predicate>,
    },
    Distinct(Box<Relation>, Vec<(Type, u8)>),
    Window(Box<Relation>, Vec<Function>),
    Set(SetOperation, Box<Relation>, Box<Relation>),
    /// The first rows in the order of all columns; a bit of `descending` for each.
    Top {
        input: Box<Relation>,
        descending: u8,
        limit: u8,
        offset: u8,
    },
}

impl Relation {
    /// Whether somewhere in it all rows are aggregated to one.
    pub(super) fn aggregates_all(&self) -> bool {
        match self {
            Self::Table(_) => false,
            Self::Filter(input, _)
            | Self::Project(input, _)
            | Self::Distinct(input, _)
            | Self::Window(input, _)
            | Self::Top { input, .. } => input.aggregates_all(),
            Self::Group { input, keys, .. } => keys.is_empty() || input.aggregates_all(),
            Self::Join { left, right, .. } | Self::Set(_, left, right) => {
                left.aggregates_all() || right.aggregates_all()
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Semi,
    Anti,
    Cross,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetOperation {
    UnionAll,
    Union,
    Intersect,
    Except,
}

#[derive(Debug, Clone)]
pub enum Aggregate {
    CountAll,
    Count(Type, u8),
    CountDistinct(Type, u8),
    Sum(Type, u8),
    SumDistinct(u8),
    Average(u8),
    Minimum(Type, u8),
    Maximum(Type, u8),
    All(u8),
    /// Only of rows whose column is not null and of that value.
    Filtered(Box<Aggregate>, Box<Predicate>),
}

/// A window function; it partitions by the first and is ordered by all columns.
#[derive(Debug, Clone)]
pub enum Function {
    RowNumber(Option<(Type, u8)>),
    Rank(Option<(Type, u8)>, Type, u8),
    Lag(Option<(Type, u8)>, Type, u8, u8),
    Lead(Option<(Type, u8)>, Type, u8),
    FirstValue(Option<(Type, u8)>, Type, u8),
    RunningSum(Option<(Type, u8)>, u8),
    /// Over the whole partition, without an order.
    Total(Option<(Type, u8)>, Aggregate),
    /// Over some rows before and after.
    Moving(Option<(Type, u8)>, u8, u8, u8),
}
