//! Which partitions can hold a row that a filter lets through, decided from their values alone.
//!
//! A partition is dropped only when the filter is false or null for every row in it. What this module does not understand
//! counts as "may be anything", so the answer is always on the safe side; the filter itself still runs over the rows.

mod possible;
mod value;

use std::cmp::Ordering;

use crate::hive_type::HiveType;
use crate::model::{Column, Partition};
use possible::Possible;
pub use value::Literal;

/// A filter in the catalog's own words. The engine turns its expressions into this, the rest into [`Predicate::Unknown`].
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// `column op literal`.
    Compare {
        column: String,
        op: Comparison,
        literal: Literal,
    },
    /// `column IN (...)`.
    In {
        column: String,
        list: Vec<Literal>,
    },
    /// `column BETWEEN low AND high`, both inclusive.
    Between {
        column: String,
        low: Literal,
        high: Literal,
    },
    /// `column IS NULL`.
    IsNull {
        column: String,
    },
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
    /// Anything that cannot be said in these words.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The partitions among `partitions` that may hold matching rows.
pub fn prune(keys: &[Column], partitions: Vec<Partition>, predicate: &Predicate) -> Vec<Partition> {
    partitions.into_iter().filter(|partition| may_match(keys, &partition.values, predicate)).collect()
}

/// Whether a partition with these values may hold a matching row.
pub fn may_match(keys: &[Column], values: &[String], predicate: &Predicate) -> bool {
    if keys.len() != values.len() {
        return true;
    }
    Row { keys, values }.evaluate(predicate).may_be_true
}

/// Whether a partition's text is a value of its key's type. True for types that are not looked into.
pub fn reads_as(text: &str, data_type: &HiveType) -> bool {
    let looked_into = matches!(
        data_type,
        HiveType::Boolean | HiveType::TinyInt | HiveType::SmallInt | HiveType::Int | HiveType::BigInt | HiveType::Date
    );
    !looked_into || Literal::of_partition_value(text, data_type).is_some()
}

struct Row<'a> {
    keys: &'a [Column],
    values: &'a [String],
}

impl Row<'_> {
    fn evaluate(&self, predicate: &Predicate) -> Possible {
        match predicate {
            Predicate::Compare { column, op, literal } => self.compare(column, *op, literal),
            Predicate::In { column, list } => {
                let any = list.iter().map(|literal| self.compare(column, Comparison::Equal, literal));
                any.fold(Possible::FALSE, Possible::or)
            }
            Predicate::Between { column, low, high } => {
                let above = self.compare(column, Comparison::GreaterOrEqual, low);
                above.and(self.compare(column, Comparison::LessOrEqual, high))
            }
            Predicate::IsNull { column } => match self.value(column) {
                Some(Literal::Null) => Possible::TRUE,
                Some(_) => Possible::FALSE,
                None => Possible::ANYTHING,
            },
            Predicate::And(all) => {
                all.iter().map(|predicate| self.evaluate(predicate)).fold(Possible::TRUE, Possible::and)
            }
            Predicate::Or(any) => {
                any.iter().map(|predicate| self.evaluate(predicate)).fold(Possible::FALSE, Possible::or)
            }
            Predicate::Not(inner) => self.evaluate(inner).not(),
            Predicate::Unknown => Possible::ANYTHING,
        }
    }

    fn compare(&self, column: &str, op: Comparison, literal: &Literal) -> Possible {
        let Some(value) = self.value(column) else { return Possible::ANYTHING };
        if value == Literal::Null || *literal == Literal::Null {
            return Possible::NULL;
        }
        let Some(ordering) = value.compare(literal) else { return Possible::ANYTHING };
        let holds = match op {
            Comparison::Equal => ordering == Ordering::Equal,
            Comparison::NotEqual => ordering != Ordering::Equal,
            Comparison::Less => ordering == Ordering::Less,
            Comparison::LessOrEqual => ordering != Ordering::Greater,
            Comparison::Greater => ordering == Ordering::Greater,
            Comparison::GreaterOrEqual => ordering != Ordering::Less,
        };
        if holds { Possible::TRUE } else { Possible::FALSE }
    }

    /// The partition's value of a column, `None` where it is no partition key or its text does not read as its type.
    fn value(&self, column: &str) -> Option<Literal> {
        let index = self.keys.iter().position(|key| key.name.eq_ignore_ascii_case(column))?;
        let data_type = HiveType::of(&self.keys[index]).ok()?;
        Literal::of_partition_value(&self.values[index], &data_type)
    }
}

#[cfg(test)]
mod tests;
