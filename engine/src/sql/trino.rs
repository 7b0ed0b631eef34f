//! What Trino means, said so that DataFusion's planner means it too.
//!
//! A pass over the parsed query, for each difference that would otherwise be another answer or a needless error:
//!
//! - a column of the result without a name is `_col0`, `_col1`, ...; so two of them never have the same name;
//! - `TIMESTAMP` is in microseconds, as in tables: nanoseconds end in the year 2262;
//! - `LIKE` has no escape character but the one it names;
//! - `x = ANY (…)` is `x IN (…)`, `x <> ALL (…)` is `x NOT IN (…)`; the other comparisons with a subquery are not built, and
//!   DataFusion's rewrite of them gives wrong rows (`people.age >= ALL (SELECT age FROM people)` compares a row with itself);
//! - the columns of `RIGHT` and `FULL JOIN … USING` belong to no table: there they are those of either (see `planner::using_joins`);
//! - `FETCH FIRST n ROWS ONLY` is `LIMIT n`;
//! - `1e3` is a double, where `1.5` is a decimal;
//! - `U&'…'` is a string.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Fetch, Ident, JoinConstraint, JoinOperator, LimitClause,
    OrderByKind, Query, Select, SelectItem, SetExpr, Spanned, Statement, TableFactor, Value, ValueWithSpan, VisitMut,
    VisitorMut,
};

use super::places::of_location;
use crate::error::{Error, ErrorCode, Result};

/// Rewrites a query in place.
///
/// # Errors
/// `NotSupported` for what Trino knows and nothing here can say.
pub(super) fn say_in_datafusions_words(statement: &mut Statement) -> Result<()> {
    match statement.visit(&mut Rewrite) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Rewrite;

impl VisitorMut for Rewrite {
    type Break = Error;

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        order_distinct_by_names(query);
        match query.fetch.take() {
            Some(fetch) => to_control_flow(limit(query, fetch)),
            None => ControlFlow::Continue(()),
        }
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        name_columns(select);
        to_control_flow(merged_columns(select))
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        to_control_flow(expression(expr))
    }
}

fn to_control_flow(result: Result<()>) -> ControlFlow<Error> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

fn name_columns(select: &mut Select) {
    for (number, item) in select.projection.iter_mut().enumerate() {
        if let SelectItem::UnnamedExpr(expr) = item
            && !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. })
        {
            let alias = Ident::new(format!("_col{number}"));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

/// `SELECT DISTINCT upper(a) … ORDER BY upper(a)`: the column has a name now, and DISTINCT is ordered by what it gives.
fn order_distinct_by_names(query: &mut Query) {
    let (SetExpr::Select(select), Some(order_by)) = (query.body.as_ref(), query.order_by.as_mut()) else { return };
    if select.distinct.is_none() {
        return;
    }
    let OrderByKind::Expressions(orders) = &mut order_by.kind else { return };
    for order in orders {
        let name = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if *expr == order.expr => Some(alias.clone()),
            _ => None,
        });
        if let Some(name) = name {
            order.expr = Expr::Identifier(name);
        }
    }
}

/// What `JOIN … USING` merges: `SELECT l.k FROM l FULL JOIN r USING (k)` is refused, and `k` in WHERE, of which DataFusion does not know that
/// it is one column, becomes `l.k`.
fn merged_columns(select: &mut Select) -> Result<()> {
    let mut merged = Vec::new();
    let mut may_lack_a_side = Vec::new();
    for join in select.from.iter().flat_map(|from| &from.joins) {
        let (operator, columns) = match &join.join_operator {
            JoinOperator::Join(JoinConstraint::Using(columns))
            | JoinOperator::Inner(JoinConstraint::Using(columns))
            | JoinOperator::Left(JoinConstraint::Using(columns))
            | JoinOperator::LeftOuter(JoinConstraint::Using(columns)) => (&mut merged, columns),
            JoinOperator::Right(JoinConstraint::Using(columns))
            | JoinOperator::RightOuter(JoinConstraint::Using(columns))
            | JoinOperator::FullOuter(JoinConstraint::Using(columns)) => (&mut may_lack_a_side, columns),
            _ => continue,
        };
        operator.extend(columns.iter().map(|column| column.to_string().to_lowercase()));
    }
    let refused = outside_subqueries(select, |expr| match expr {
        Expr::CompoundIdentifier(parts) if is_one_of(parts.last(), &may_lack_a_side) => {
            ControlFlow::Break(of_no_table(expr))
        }
        _ => ControlFlow::Continue(()),
    });
    if let ControlFlow::Break(error) = refused {
        return Err(error);
    }
    merged.append(&mut may_lack_a_side);
    let first = select.from.first().and_then(|from| name_of(&from.relation));
    if let (Some(table), Some(selection)) = (first, &mut select.selection) {
        let _: ControlFlow<()> = outside_subqueries(selection, |expr| {
            if let Expr::Identifier(name) = expr
                && is_one_of(Some(name), &merged)
            {
                *expr = Expr::CompoundIdentifier(vec![table.clone(), name.clone()]);
            }
            ControlFlow::Continue(())
        });
    }
    Ok(())
}

fn is_one_of(name: Option<&Ident>, columns: &[String]) -> bool {
    name.is_some_and(|name| columns.contains(&name.value.to_lowercase()))
}

fn of_no_table(expr: &Expr) -> Error {
    let error = Error::new(ErrorCode::Syntax, format!("column {expr} belongs to no table: JOIN … USING merged it"))
        .with_hint("write the column's name alone, or join ON a condition");
    match of_location(expr.span().start) {
        Some(position) => error.at(position),
        None => error,
    }
}

/// How a column's table is called in front of it.
fn name_of(relation: &TableFactor) -> Option<Ident> {
    match relation {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, alias: None, .. } => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

/// Every expression but those of subqueries, whose names are their own.
fn outside_subqueries<B>(node: &mut impl VisitMut, visit: impl FnMut(&mut Expr) -> ControlFlow<B>) -> ControlFlow<B> {
    node.visit(&mut Outside { visit, depth: 0, of: PhantomData })
}

struct Outside<F, B> {
    visit: F,
    depth: usize,
    of: PhantomData<B>,
}

impl<B, F: FnMut(&mut Expr) -> ControlFlow<B>> VisitorMut for Outside<F, B> {
    type Break = B;

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<B> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<B> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<B> {
        match self.depth {
            0 => (self.visit)(expr),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn limit(query: &mut Query, fetch: Fetch) -> Result<()> {
    let Fetch { with_ties: false, percent: false, quantity } = fetch else {
        return Err(Error::new(ErrorCode::NotSupported, "FETCH FIRST … WITH TIES and PERCENT are not built")
            .with_hint("use rank() in a subquery"));
    };
    let offset = match query.limit_clause.take() {
        None => None,
        Some(LimitClause::LimitOffset { limit: None, offset, .. }) => offset,
        Some(_) => return Err(Error::new(ErrorCode::Syntax, "a query has LIMIT or FETCH FIRST, not both")),
    };
    let one = || Expr::Value(Value::Number("1".to_owned(), false).into());
    let limit = Some(quantity.unwrap_or_else(one));
    query.limit_clause = Some(LimitClause::LimitOffset { limit, offset, limit_by: Vec::new() });
    Ok(())
}

fn expression(expr: &mut Expr) -> Result<()> {
    match expr {
        Expr::Cast { data_type, .. } => in_microseconds(data_type),
        Expr::TypedString(typed) => in_microseconds(&mut typed.data_type),
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            escape_with_backslash(pattern, escape_char);
        }
        Expr::Value(ValueWithSpan { value, .. }) => match value {
            Value::UnicodeStringLiteral(text) => *value = Value::SingleQuotedString(std::mem::take(text)),
            Value::Number(digits, _) if digits.contains(['e', 'E']) => *expr = double(std::mem::take(digits)),
            _ => {}
        },
        Expr::AnyOp { .. } | Expr::AllOp { .. } => *expr = membership(expr.clone())?,
        _ => {}
    }
    Ok(())
}

fn double(digits: String) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Value(Value::SingleQuotedString(digits).into())),
        data_type: DataType::Double(ExactNumberInfo::None),
        array: false,
        format: None,
    }
}

fn in_microseconds(data_type: &mut DataType) {
    if let DataType::Timestamp(precision @ None, _) = data_type {
        *precision = Some(6);
    }
}

/// DataFusion knows the backslash only, and that always.
fn escape_with_backslash(pattern: &mut Expr, escape: &mut Option<ValueWithSpan>) {
    let escape_char = match escape.as_ref().map(|escape| &escape.value) {
        None => None,
        Some(Value::SingleQuotedString(text)) => text.chars().next(),
        Some(_) => return,
    };
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = pattern else { return };
    let mut rewritten = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            escaped if Some(escaped) == escape_char => {
                rewritten.push('\\');
                rewritten.extend(characters.next());
            }
            '\\' => rewritten.push_str("\\\\"),
            other => rewritten.push(other),
        }
    }
    *text = rewritten;
    *escape = None;
}

/// Comparisons with all values of a subquery. Those with an array stay.
fn membership(expr: Expr) -> Result<Expr> {
    let position = of_location(expr.span().start);
    let (left, compare_op, right, any) = match expr {
        Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op, right, true),
        Expr::AllOp { left, compare_op, right } => (left, compare_op, right, false),
        other => return Ok(other),
    };
    let subquery = match *right {
        Expr::Subquery(subquery) => subquery,
        right if any => {
            return Ok(Expr::AnyOp { left, compare_op, right: Box::new(right), is_some: false });
        }
        right => return Ok(Expr::AllOp { left, compare_op, right: Box::new(right) }),
    };
    match (compare_op, any) {
        (BinaryOperator::Eq, true) => Ok(Expr::InSubquery { expr: left, subquery, negated: false }),
        (BinaryOperator::NotEq, false) => Ok(Expr::InSubquery { expr: left, subquery, negated: true }),
        (operator, any) => {
            let quantifier = if any { "ANY" } else { "ALL" };
            let error = Error::new(ErrorCode::NotSupported, format!("{operator} {quantifier} (SELECT …) is not built"))
                .with_hint("compare with (SELECT max(x) …) or (SELECT min(x) …)");
            Err(match position {
                Some(position) => error.at(position),
                None => error,
            })
        }
    }
}
