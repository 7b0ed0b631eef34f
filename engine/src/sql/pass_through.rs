//! Statements that hand on rows as they were read.

use datafusion::sql::parser;
use datafusion::sql::sqlparser::ast::{
    Distinct, GroupByExpr, Query, Select, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins,
};

/// Whether a statement only picks columns of one table, and at most stops early: its rows are neither filtered, ordered nor joined,
/// so that every value that is read is handed out.
pub(crate) fn passes_rows_through(statement: &parser::Statement) -> bool {
    let parser::Statement::Statement(statement) = statement else { return false };
    let Statement::Query(query) = statement.as_ref() else { return false };
    let Query { with: None, order_by: None, body, pipe_operators, .. } = query.as_ref() else { return false };
    let SetExpr::Select(select) = body.as_ref() else { return false };
    pipe_operators.is_empty() && picks_columns(select)
}

fn picks_columns(select: &Select) -> bool {
    let one = |table: &TableWithJoins| table.joins.is_empty() && matches!(table.relation, TableFactor::Table { .. });
    let has_one_table = matches!(select.from.as_slice(), [table] if one(table));
    let keeps_all = select.selection.is_none() && select.having.is_none() && select.qualify.is_none();
    let groups = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    has_one_table && keeps_all && !groups && is_all(select.distinct.as_ref()) && select.projection.iter().all(is_column)
}

fn is_all(distinct: Option<&Distinct>) -> bool {
    !matches!(distinct, Some(Distinct::Distinct | Distinct::On(_)))
}

fn is_column(item: &SelectItem) -> bool {
    use datafusion::sql::sqlparser::ast::Expr::{CompoundIdentifier, Identifier};
    match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            matches!(expr, Identifier(_) | CompoundIdentifier(_))
        }
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::ExprWithAliases { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::passes_rows_through;
    use crate::sql::{Statement, parse_one};

    #[test]
    fn only_columns_of_one_table() {
        let passes = |sql: &str| match parse_one(sql).unwrap() {
            Statement::Query(statement) => passes_rows_through(&statement),
            other => panic!("{other:?}"),
        };
        for sql in ["SELECT * FROM t", "SELECT a, t.b AS c FROM s.t LIMIT 5", "SELECT t.* FROM 's3://b/t/'"] {
            assert!(passes(sql), "{sql}");
        }
        for sql in [
            "SELECT a FROM t WHERE a > 1",
            "SELECT upper(a) FROM t",
            "SELECT DISTINCT a FROM t",
            "SELECT a FROM t ORDER BY a",
            "SELECT a FROM t, u",
            "SELECT a FROM (SELECT a FROM t WHERE a > 1) u",
            "SELECT a FROM t JOIN u USING (a)",
            "SELECT a FROM t GROUP BY a",
            "SELECT a FROM t UNION ALL SELECT a FROM t",
            "WITH t AS (SELECT 1 AS a) SELECT a FROM t",
            "SELECT 1",
        ] {
            assert!(!passes(sql), "{sql}");
        }
    }
}
