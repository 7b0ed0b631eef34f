//! Values, conditions and aggregates.

use super::{InScope, Writer};
use crate::random::predicate::{Comparison, Expression, Predicate, Type};
use crate::random::relation::{Aggregate, Relation};

impl Type {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Integer => "BIGINT",
            Self::Text => "VARCHAR",
            Self::Decimal => "DECIMAL(12,2)",
            Self::Date => "DATE",
            Self::Float => "DOUBLE",
            Self::Boolean => "BOOLEAN",
        }
    }

    /// One of a few, many of which are in the tables.
    fn literal(self, pick: u8) -> String {
        let pick = usize::from(pick);
        let (values, before, after): (&[&str], _, _) = match self {
            Self::Integer => (&["0", "1", "2", "3", "7", "11", "40", "-5"], "", ""),
            Self::Text => (&["", "a", "b", "apple", "zoë", "K"], "'", "'"),
            Self::Decimal => (&["0.00", "1.50", "-2.25", "10.00", "99.99"], "CAST(", " AS DECIMAL(12,2))"),
            Self::Date => (&["2024-01-01", "2024-02-29", "1969-12-31", "2024-01-05"], "DATE '", "'"),
            Self::Float => (&["0.0", "0.25", "-1.5", "8.75"], "CAST(", " AS DOUBLE)"),
            Self::Boolean => (&["true", "false"], "", ""),
        };
        match pick % (values.len() + 1) {
            0 => format!("CAST(NULL AS {})", self.name()),
            n => format!("{before}{}{after}", values[n - 1]),
        }
    }
}

/// The picked column of a type, if there is any.
pub(super) fn column(scope: &[InScope], of: Type, pick: u8) -> Option<&str> {
    let columns: Vec<_> = scope.iter().filter(|column| column.of == of).collect();
    let count = columns.len();
    (count > 0).then(|| columns[usize::from(pick) % count].name.as_str())
}

pub(super) fn column_or_literal(scope: &[InScope], of: Type, pick: u8) -> String {
    column(scope, of, pick).map_or_else(|| of.literal(pick), str::to_owned)
}

impl Writer {
    pub(super) fn expression(&mut self, expression: &Expression, of: Type, scope: &[InScope]) -> String {
        match expression {
            Expression::Column(pick) => column_or_literal(scope, of, *pick),
            Expression::Literal(pick) => of.literal(*pick),
            Expression::Apply(pick, a, b) => {
                let (a, b) = (self.expression(a, of, scope), self.expression(b, of, scope));
                apply(*pick, of, &a, &b)
            }
            Expression::Coalesce(a, b) => {
                format!("coalesce({}, {})", self.expression(a, of, scope), self.expression(b, of, scope))
            }
            Expression::Case(when, a, b) => {
                let when = self.predicate(when, scope);
                let (a, b) = (self.expression(a, of, scope), self.expression(b, of, scope));
                format!("CASE WHEN {when} THEN {a} ELSE {b} END")
            }
        }
    }

    pub(super) fn predicate(&mut self, predicate: &Predicate, scope: &[InScope]) -> String {
        let no = |not: bool| if not { "NOT " } else { "" };
        match predicate {
            Predicate::Compare(of, a, comparison, b) => {
                let (a, b) = (self.expression(a, *of, scope), self.expression(b, *of, scope));
                format!("({a} {} {b})", operator(*comparison))
            }
            Predicate::IsNull(of, a, not) => format!("({} IS {}NULL)", self.expression(a, *of, scope), no(*not)),
            Predicate::InList(of, a, list, not) => {
                let list = list.iter().map(|pick| of.literal(*pick)).collect::<Vec<_>>().join(", ");
                format!("({} {}IN ({list}))", self.expression(a, *of, scope), no(*not))
            }
            Predicate::Between(of, a, low, high) => {
                let [a, low, high] = [a, low, high].map(|value| self.expression(value, *of, scope));
                format!("({a} BETWEEN {low} AND {high})")
            }
            Predicate::Like(a, pick, not) => {
                let patterns = ["%a%", "a%", "_", "%", "%ë", ""];
                let pattern = patterns[usize::from(*pick) % patterns.len()];
                format!("({} {}LIKE '{pattern}')", self.expression(a, Type::Text, scope), no(*not))
            }
            Predicate::And(a, b) => format!("({} AND {})", self.predicate(a, scope), self.predicate(b, scope)),
            Predicate::Or(a, b) => format!("({} OR {})", self.predicate(a, scope), self.predicate(b, scope)),
            Predicate::Not(a) => format!("(NOT {})", self.predicate(a, scope)),
            Predicate::In(of, a, relation, not) => self.within(*of, a, relation, no(*not), scope),
            Predicate::Exists(keys, relation, not) => self.exists(*keys, relation, no(*not), scope),
            Predicate::Scalar(a, comparison, aggregate, relation) => {
                let inner = self.relation(relation);
                let alias = self.alias();
                let (value, of) = self.aggregate(aggregate, &super::scope(&alias, &inner.types));
                let a = self.expression(a, of, scope);
                format!("({a} {} (SELECT {value} FROM ({}) {alias}))", operator(*comparison), inner.sql)
            }
        }
    }

    fn within(&mut self, of: Type, a: &Expression, relation: &Relation, no: &str, scope: &[InScope]) -> String {
        let inner = self.relation(relation);
        let alias = self.alias();
        let value = column_or_literal(&super::scope(&alias, &inner.types), of, 0);
        format!("({} {no}IN (SELECT {value} FROM ({}) {alias}))", self.expression(a, of, scope), inner.sql)
    }

    fn exists(&mut self, keys: Option<(Type, u8, u8)>, relation: &Relation, no: &str, outside: &[InScope]) -> String {
        let inner = self.relation(relation);
        let alias = self.alias();
        let inside = super::scope(&alias, &inner.types);
        let equal =
            keys.and_then(|(of, a, b)| Some(format!("{} = {}", column(&inside, of, a)?, column(outside, of, b)?)));
        let equal = equal.map(|equal| format!(" WHERE {equal}")).unwrap_or_default();
        format!("({no}EXISTS (SELECT 1 FROM ({}) {alias}{equal}))", inner.sql)
    }

    /// The aggregate and its type.
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate, scope: &[InScope]) -> (String, Type) {
        let of = |of: Type, pick: u8| column_or_literal(scope, of, pick);
        match aggregate {
            Aggregate::CountAll => ("count(*)".to_owned(), Type::Integer),
            Aggregate::Count(t, pick) => (format!("count({})", of(*t, *pick)), Type::Integer),
            Aggregate::CountDistinct(t, pick) => (format!("count(DISTINCT {})", of(*t, *pick)), Type::Integer),
            Aggregate::Sum(t, pick) => {
                let t = if matches!(t, Type::Decimal | Type::Float) { *t } else { Type::Integer };
                (format!("sum({})", of(t, *pick)), t)
            }
            Aggregate::SumDistinct(pick) => (format!("sum(DISTINCT {})", of(Type::Integer, *pick)), Type::Integer),
            Aggregate::Average(pick) => (format!("avg({})", of(Type::Integer, *pick)), Type::Float),
            Aggregate::Minimum(t, pick) => (format!("min({})", of(*t, *pick)), *t),
            Aggregate::Maximum(t, pick) => (format!("max({})", of(*t, *pick)), *t),
            Aggregate::All(pick) => (format!("bool_and({})", of(Type::Boolean, *pick)), Type::Boolean),
            Aggregate::Filtered(aggregate, predicate) => {
                let (sql, of) = self.aggregate(aggregate, scope);
                let predicate = self.predicate(predicate, scope);
                (format!("{sql} FILTER (WHERE {predicate})"), of)
            }
        }
    }
}

fn apply(pick: u8, of: Type, a: &str, b: &str) -> String {
    let choices: &[String] = &match of {
        Type::Integer => {
            vec![format!("({a} + {b})"), format!("({a} - {b})"), format!("({a} % 7)"), format!("abs({a})")]
        }
        Type::Text => vec![format!("({a} || {b})"), format!("upper({a})"), format!("substr({a}, 1, 1)")],
        Type::Decimal => vec![format!("({a} + {b})"), format!("(-{a})")],
        Type::Date => vec![format!("nullif({a}, {b})"), format!("greatest({a}, {b})")],
        Type::Float => vec![format!("({a} - {b})"), format!("({a} * 2)")],
        Type::Boolean => {
            vec![format!("({a} AND {b})"), format!("({a} OR {b})"), format!("(NOT {a})"), format!("({a} = {b})")]
        }
    };
    choices[usize::from(pick) % choices.len()].clone()
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Less => "<",
        Comparison::AtMost => "<=",
        Comparison::More => ">",
        Comparison::AtLeast => ">=",
        Comparison::Distinct => "IS DISTINCT FROM",
        Comparison::NotDistinct => "IS NOT DISTINCT FROM",
    }
}
