//! What a query asks for by name.

use std::collections::BTreeSet;

use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// Names that can be among the rows; all where there are none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) schemas: Option<BTreeSet<String>>,
    pub(super) tables: Option<BTreeSet<String>>,
}

impl Wanted {
    /// By conditions that all hold. `schema_column` names the database of a row.
    pub(super) fn by(filters: &[Expr], schema_column: &str) -> Self {
        let mut wanted = Self::default();
        for filter in filters {
            narrow(&mut wanted.schemas, names(filter, schema_column));
            narrow(&mut wanted.tables, names(filter, "table_name"));
        }
        wanted
    }

    pub(super) fn has_schema(&self, name: &str) -> bool {
        self.schemas.as_ref().is_none_or(|names| names.contains(name))
    }

    pub(super) fn has_table(&self, name: &str) -> bool {
        self.tables.as_ref().is_none_or(|names| names.contains(name))
    }
}

fn narrow(known: &mut Option<BTreeSet<String>>, more: Option<BTreeSet<String>>) {
    *known = match (known.take(), more) {
        (Some(known), Some(more)) => Some(known.intersection(&more).cloned().collect()),
        (known, more) => known.or(more),
    };
}

/// The texts that a condition leaves to a column; `None` where it leaves others too.
fn names(filter: &Expr, column: &str) -> Option<BTreeSet<String>> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let text = match (is_column(left, column), is_column(right, column)) {
                (true, false) => text(right)?,
                (false, true) => text(left)?,
                _ => return None,
            };
            Some(BTreeSet::from([text]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(&names(left, column)? | &names(right, column)?)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            let mut both = names(left, column);
            narrow(&mut both, names(right, column));
            both
        }
        Expr::InList(InList { expr, list, negated: false }) if is_column(expr, column) => {
            list.iter().map(text).collect()
        }
        _ => None,
    }
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}

fn text(expr: &Expr) -> Option<String> {
    let Expr::Literal(value, _) = expr else { return None };
    value.try_as_str().flatten().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn conditions_leave_names() {
        let set = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
        let schemas = |filters: &[Expr]| Wanted::by(filters, "table_schema").schemas;
        let column = || col("table_schema");
        assert_eq!(schemas(&[]), None);
        assert_eq!(schemas(&[column().eq(lit("a"))]), set(&["a"]));
        assert_eq!(schemas(&[lit("a").eq(column())]), set(&["a"]));
        assert_eq!(schemas(&[column().in_list(vec![lit("a"), lit("b")], false)]), set(&["a", "b"]));
        assert_eq!(schemas(&[column().in_list(vec![lit("a")], true)]), None);
        assert_eq!(schemas(&[column().eq(lit("a")).or(column().eq(lit("b"))), column().eq(lit("b"))]), set(&["b"]));
        assert_eq!(schemas(&[column().eq(lit("a")).or(col("table_name").eq(lit("b")))]), None);
        assert_eq!(schemas(&[column().eq(col("table_name"))]), None);
        assert_eq!(schemas(&[column().not_eq(lit("a"))]), None);
        assert_eq!(schemas(&[column().eq(lit("a")), column().eq(lit("b"))]), set(&[]));
    }
}
