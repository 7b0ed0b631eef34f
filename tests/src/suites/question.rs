//! A suite's query as DuckDB is asked for it: without its LIMIT, with its sort keys as columns.

use anyhow::{Context, Result, bail, ensure};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, LimitClause, OrderByKind, Query, Select, SelectItem, SetExpr, Statement, Value as Literal,
};
use datafusion::sql::sqlparser::dialect::DuckDbDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::answer::{Answer, Expected, Value};

/// The SQL for DuckDB, and how to read what it answers.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) sql: String,
    keys: Vec<Key>,
    /// Keys that were added as last columns.
    added: usize,
    offset: usize,
    limit: Option<usize>,
}

/// Where a sort key stands in DuckDB's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Column(usize),
    /// Counted from the first added column.
    Added(usize),
}

impl Question {
    /// # Errors
    /// For a query that sorts by something that cannot be made a column: it could only be compared loosely.
    pub(super) fn of(sql: &str) -> Result<Self> {
        let mut statements = Parser::parse_sql(&DuckDbDialect {}, sql)?;
        let Some(Statement::Query(mut query)) = statements.pop() else { bail!("not a query: {sql}") };
        ensure!(statements.is_empty(), "several statements: {sql}");
        let (offset, limit) = take_limit(&mut query)?;
        let mut question = Self { sql: String::new(), keys: Vec::new(), added: 0, offset, limit };
        for key in sort_keys(&query)? {
            let key = question.place(&mut query.body, &key).with_context(|| format!("ORDER BY {key}"))?;
            question.keys.push(key);
        }
        question.sql = query.to_string();
        Ok(question)
    }

    /// What the query may answer, from DuckDB's answer to the question.
    pub(super) fn expected(&self, mut answer: Answer) -> Result<Expected> {
        let mut keys = Vec::with_capacity(answer.rows.len());
        for row in &mut answer.rows {
            let visible = row.len().checked_sub(self.added).context("the added columns")?;
            let key = |key: &Key| match key {
                Key::Column(column) => row.get(*column).cloned(),
                Key::Added(number) => row.get(visible + number).cloned(),
            };
            keys.push(self.keys.iter().map(key).collect::<Option<Vec<Value>>>().context("a column for each key")?);
            row.truncate(visible);
        }
        let visible = answer.columns.len() - self.added;
        answer.columns.truncate(visible);
        Ok(Expected::new(answer, keys, self.offset, self.limit))
    }

    fn place(&mut self, body: &mut SetExpr, key: &Expr) -> Result<Key> {
        let select = first_select(body)?;
        if let Some(column) = column_of(select, key)? {
            return Ok(Key::Column(column));
        }
        let SetExpr::Select(select) = body else { bail!("a set operation is sorted by what is no column of it") };
        ensure!(select.distinct.is_none(), "SELECT DISTINCT is sorted by what is no column of it");
        let alias = Ident::new(format!("added_key_{}", self.added));
        select.projection.push(SelectItem::ExprWithAlias { expr: key.clone(), alias });
        self.added += 1;
        Ok(Key::Added(self.added - 1))
    }
}

fn take_limit(query: &mut Query) -> Result<(usize, Option<usize>)> {
    ensure!(query.fetch.is_none(), "FETCH is not expected here");
    match query.limit_clause.take() {
        None => Ok((0, None)),
        Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
            let offset = offset.map_or(Ok(0), |offset| count(&offset.value))?;
            Ok((offset, limit.as_ref().map(count).transpose()?))
        }
        Some(other) => bail!("not expected here:{other}"),
    }
}

fn count(expr: &Expr) -> Result<usize> {
    Ok(expr.to_string().parse()?)
}

fn sort_keys(query: &Query) -> Result<Vec<Expr>> {
    match query.order_by.as_ref().map(|order| &order.kind) {
        None => Ok(Vec::new()),
        Some(OrderByKind::Expressions(keys)) => Ok(keys.iter().map(|key| key.expr.clone()).collect()),
        Some(OrderByKind::All(_)) => bail!("ORDER BY ALL is not expected here"),
    }
}

/// The one that gives the columns their names.
fn first_select(body: &SetExpr) -> Result<&Select> {
    match body {
        SetExpr::Select(select) => Ok(select),
        SetExpr::SetOperation { left, .. } => first_select(left),
        SetExpr::Query(query) => first_select(&query.body),
        other => bail!("not expected here: {other}"),
    }
}

/// The column that a key names: by its number, its name, or by being the same expression.
fn column_of(select: &Select, key: &Expr) -> Result<Option<usize>> {
    let key = bare(key);
    if let Expr::Value(value) = key {
        let Literal::Number(number, _) = &value.value else { bail!("sorted by a constant") };
        return Ok(Some(number.parse::<usize>()?.checked_sub(1).context("columns count from 1")?));
    }
    for (column, item) in select.projection.iter().enumerate() {
        let same = match item {
            SelectItem::ExprWithAlias { expr, alias } => {
                names(key).is_some_and(|name| is(alias, name)) || (names(key).is_none() && key == bare(expr))
            }
            SelectItem::UnnamedExpr(expr) => {
                key == bare(expr) || names(key).is_some() && names(key) == last_name(bare(expr))
            }
            // What stands behind a wildcard has no known number.
            _ => return Ok(None),
        };
        if same {
            return Ok(Some(column));
        }
    }
    Ok(None)
}

/// Without parentheses around it.
fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

/// The name, where the key is one without a table before it.
fn names(key: &Expr) -> Option<&str> {
    match key {
        Expr::Identifier(name) => Some(&name.value),
        _ => None,
    }
}

fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::CompoundIdentifier(names) => names.last().map(|name| name.value.as_str()),
        other => names(other),
    }
}

fn is(alias: &Ident, name: &str) -> bool {
    alias.value.eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(sql: &str) -> (String, Vec<Key>) {
        let question = Question::of(sql).unwrap();
        (question.sql, question.keys)
    }

    #[test]
    fn keys_that_are_columns_are_found_by_number_name_and_expression() {
        let (sql, keys) =
            asked("SELECT t.a, sum(b) AS s, count(*) FROM t GROUP BY a ORDER BY s DESC, 3, a, count(*), t.a LIMIT 5");
        assert_eq!(sql, "SELECT t.a, sum(b) AS s, count(*) FROM t GROUP BY a ORDER BY s DESC, 3, a, count(*), t.a");
        assert_eq!(keys, [1, 2, 0, 2, 0].map(Key::Column));
    }

    #[test]
    fn parentheses_do_not_hide_a_column() {
        let (_, keys) = asked("SELECT DISTINCT(a) FROM t ORDER BY a, (a) LIMIT 5");
        assert_eq!(keys, [Key::Column(0), Key::Column(0)]);
    }

    #[test]
    fn keys_that_are_no_columns_are_added() {
        let (sql, keys) = asked("SELECT a FROM t ORDER BY b, a + 1 LIMIT 5 OFFSET 2");
        assert_eq!(sql, "SELECT a, b AS added_key_0, a + 1 AS added_key_1 FROM t ORDER BY b, a + 1");
        assert_eq!(keys, [Key::Added(0), Key::Added(1)]);
    }

    #[test]
    fn the_added_keys_are_not_columns_of_the_answer() {
        let question = Question::of("SELECT a FROM t ORDER BY b LIMIT 1").unwrap();
        let row = |a, b| [a, b].map(|unscaled| Value::Exact { unscaled, scale: 0 }).to_vec();
        let answer = |rows| Answer { columns: vec!["a".into(), "added_key_0".into()], rows };
        let expected = question.expected(answer(vec![row(7, 1), row(7, 2), row(8, 2)])).unwrap();
        assert_eq!(expected.row_count(), 1);
        let given = |a| Answer { columns: vec!["a".into()], rows: vec![vec![Value::Exact { unscaled: a, scale: 0 }]] };
        assert_eq!(expected.difference(&given(7)), None);
        assert!(expected.difference(&given(8)).is_some());
    }

    #[test]
    fn what_could_only_be_compared_loosely_is_refused() {
        assert!(Question::of("SELECT DISTINCT a FROM t ORDER BY b").is_err());
        assert!(Question::of("SELECT a FROM t UNION SELECT a FROM u ORDER BY a + 1").is_err());
    }
}
