//! Values and conditions, with picks instead of names.

use super::relation::{Aggregate, Relation};

/// The types of columns. Each table has columns of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Integer,
    Text,
    Decimal,
    Date,
    /// Sums of these are exact: multiples of a quarter.
    Float,
    Boolean,
}

/// A value of a type that is asked for when it is written. `u8` picks among what there is.
#[derive(Debug, Clone)]
pub enum Expression {
    Column(u8),
    Literal(u8),
    /// A function of the type: a sum, a remainder, a concatenation, ...
    Apply(u8, Box<Expression>, Box<Expression>),
    Coalesce(Box<Expression>, Box<Expression>),
    Case(Box<Predicate>, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
    Distinct,
    NotDistinct,
}

#[derive(Debug, Clone)]
pub enum Predicate {
    Compare(Type, Expression, Comparison, Expression),
    IsNull(Type, Expression, bool),
    InList(Type, Expression, Vec<u8>, bool),
    Between(Type, Expression, Expression, Expression),
    Like(Expression, u8, bool),
    And(Box<Predicate>, Box<Predicate>),
    Or(Box<Predicate>, Box<Predicate>),
    Not(Box<Predicate>),
    /// `x [NOT] IN (SELECT …)`.
    In(Type, Expression, Box<Relation>, bool),
    /// `[NOT] EXISTS (SELECT …)`, with a column of each side that are equal, or uncorrelated.
    Exists(Option<(Type, u8, u8)>, Box<Relation>, bool),
    /// A comparison with a scalar subquery.
    Scalar(Expression, Comparison, Aggregate, Box<Relation>),
}
