//! Selects.

use super::expressions::{column, column_or_literal};
use super::{Dialect, InScope, Select, Writer, order_by_all, scope};
use crate::random::predicate::{Predicate, Type};
use crate::random::relation::{Aggregate, Function, JoinKind, Relation, SetOperation};
use crate::random::tables::{COLUMNS, TABLES};

/// A join that could give more has both its sides cut.
const MOST_ROWS: f64 = 30_000.0;
/// Columns of a join; more only make the text longer.
const MOST_COLUMNS: usize = 9;

impl Writer {
    pub(super) fn relation(&mut self, relation: &Relation) -> Select {
        match relation {
            Relation::Table(pick) => {
                let (table, rows) = TABLES[usize::from(*pick) % TABLES.len()];
                let columns = COLUMNS.iter().enumerate().map(|(number, (name, _))| format!("{name} AS c{number}"));
                let sql = format!("SELECT {} FROM {table}", columns.collect::<Vec<_>>().join(", "));
                Select { sql, types: COLUMNS.iter().map(|(_, of)| *of).collect(), rows }
            }
            Relation::Filter(input, predicate) => {
                let input = self.relation(input);
                let alias = self.alias();
                let predicate = self.predicate(predicate, &scope(&alias, &input.types));
                Select { sql: format!("SELECT * FROM ({}) {alias} WHERE {predicate}", input.sql), ..input }
            }
            Relation::Project(input, columns) => {
                let input = self.relation(input);
                let alias = self.alias();
                let inside = scope(&alias, &input.types);
                let values: Vec<_> = columns.iter().map(|(of, value)| self.expression(value, *of, &inside)).collect();
                let sql = format!("SELECT {} FROM ({}) {alias}", named(&values), input.sql);
                Select { sql, types: columns.iter().map(|(of, _)| *of).collect(), rows: input.rows }
            }
            Relation::Join { kind, left, right, keys, more } => self.join(*kind, left, right, keys, more.as_ref()),
            Relation::Group { input, keys, rollup, aggregates, having } => {
                let input = self.relation(input);
                let alias = self.alias();
                let inside = scope(&alias, &input.types);
                let groups: Vec<_> = keys.iter().map(|(of, value)| self.expression(value, *of, &inside)).collect();
                let (values, types): (Vec<_>, Vec<_>) =
                    aggregates.iter().map(|aggregate| self.aggregate(aggregate, &inside)).unzip();
                let mut sql =
                    format!("SELECT {} FROM ({}) {alias}", named(&[groups.clone(), values].concat()), input.sql);
                if !groups.is_empty() {
                    // DataFusion refuses a key that is rolled up twice.
                    let twice = groups.iter().enumerate().any(|(number, key)| groups[..number].contains(key));
                    // By number: an expression may be a constant.
                    let numbers = (1..=groups.len()).map(|number| number.to_string()).collect::<Vec<_>>();
                    sql += &match *rollup && !twice {
                        true => format!(" GROUP BY ROLLUP ({})", groups.join(", ")),
                        false => format!(" GROUP BY {}", numbers.join(", ")),
                    };
                }
                let types: Vec<_> = keys.iter().map(|(of, _)| *of).chain(types).collect();
                let rows = if groups.is_empty() { 1.0 } else { input.rows * 2.0 };
                self.having(Select { sql, types, rows }, having.as_ref())
            }
            Relation::Distinct(input, columns) => {
                let input = self.relation(input);
                let alias = self.alias();
                let inside = scope(&alias, &input.types);
                let values: Vec<_> = columns.iter().map(|(of, pick)| column_or_literal(&inside, *of, *pick)).collect();
                let sql = format!("SELECT DISTINCT {} FROM ({}) {alias}", named(&values), input.sql);
                Select { sql, types: columns.iter().map(|(of, _)| *of).collect(), rows: input.rows }
            }
            Relation::Window(input, functions) => self.window(input, functions),
            Relation::Set(operation, left, right) => self.set(*operation, left, right),
            Relation::Top { input, descending, limit, offset } => {
                let input = self.relation(input);
                self.top(input, *descending, (*limit).into(), (*offset).into())
            }
        }
    }

    fn having(&mut self, grouped: Select, having: Option<&Predicate>) -> Select {
        let Some(having) = having else { return grouped };
        let alias = self.alias();
        let predicate = self.predicate(having, &scope(&alias, &grouped.types));
        Select { sql: format!("SELECT * FROM ({}) {alias} WHERE {predicate}", grouped.sql), ..grouped }
    }

    fn top(&mut self, input: Select, descending: u8, limit: u32, offset: u32) -> Select {
        let alias = self.alias();
        let order = order_by_all(&alias, &input.types, descending);
        let offset = if offset == 0 { String::new() } else { format!(" OFFSET {offset}") };
        let sql = format!("SELECT * FROM ({}) {alias} ORDER BY {order} LIMIT {limit}{offset}", input.sql);
        Select { sql, types: input.types, rows: input.rows.min(limit.into()) }
    }

    fn join(
        &mut self,
        kind: JoinKind,
        left: &Relation,
        right: &Relation,
        keys: &[(Type, u8, u8, bool)],
        more: Option<&Predicate>,
    ) -> Select {
        let is_outer = matches!(kind, JoinKind::Left | JoinKind::Right | JoinKind::Full);
        // DataFusion moves a constant condition of an outer join below an aggregate without groups, which then counts 0 rows instead of
        // giving none: known, rare, and found at once without this.
        let more = more.filter(|_| !(is_outer && (left.aggregates_all() || right.aggregates_all())));
        let (mut left, mut right) = (self.relation(left), self.relation(right));
        let (a, b) = (self.alias(), self.alias());
        let (in_left, in_right) = (scope(&a, &left.types), scope(&b, &right.types));
        let equal = keys.iter().filter_map(|(of, x, y, nulls)| {
            let operator = if *nulls { "IS NOT DISTINCT FROM" } else { "=" };
            Some(format!("{} {operator} {}", column(&in_left, *of, *x)?, column(&in_right, *of, *y)?))
        });
        let mut conditions: Vec<_> = equal.collect();
        // One key in eight rows, at most; without keys each row meets all.
        let rows = left.rows * right.rows / if conditions.is_empty() { 1.0 } else { 8.0 };
        if rows > MOST_ROWS {
            left = self.top(left, 0, 40, 0);
            right = self.top(right, 0, 40, 0);
        }
        let both = [in_left.as_slice(), in_right.as_slice()].concat();
        conditions.extend(more.map(|more| self.predicate(more, &both)));
        if conditions.is_empty() {
            conditions.push("true".to_owned());
        }
        let on = match kind {
            JoinKind::Cross => String::new(),
            _ => format!(" ON {}", conditions.join(" AND ")),
        };
        let columns: Vec<InScope> = match kind {
            JoinKind::Semi | JoinKind::Anti => in_left,
            _ => both.into_iter().take(MOST_COLUMNS).collect(),
        };
        let names: Vec<_> = columns.iter().map(|column| column.name.clone()).collect();
        let join = words(kind, self.dialect);
        let sql = format!("SELECT {} FROM ({}) {a} {join} ({}) {b}{on}", named(&names), left.sql, right.sql);
        let rows = (rows + left.rows + right.rows).min(MOST_ROWS);
        Select { sql, types: columns.iter().map(|column| column.of).collect(), rows }
    }

    fn window(&mut self, input: &Relation, functions: &[Function]) -> Select {
        let input = self.relation(input);
        let alias = self.alias();
        let inside = scope(&alias, &input.types);
        let order = format!("ORDER BY {}", order_by_all(&alias, &input.types, 0));
        let kept = inside.iter().take(5);
        let mut values: Vec<_> = kept.clone().map(|column| column.name.clone()).collect();
        let mut types: Vec<_> = kept.map(|column| column.of).collect();
        for function in functions {
            let (value, of) = self.function(function, &inside, &order);
            values.push(value);
            types.push(of);
        }
        Select { sql: format!("SELECT {} FROM ({}) {alias}", named(&values), input.sql), types, rows: input.rows }
    }

    fn function(&mut self, function: &Function, inside: &[InScope], order: &str) -> (String, Type) {
        let by = |partition: &Option<(Type, u8)>| {
            let column = partition.and_then(|(of, pick)| column(inside, of, pick));
            column.map(|column| format!("PARTITION BY {column} ")).unwrap_or_default()
        };
        let value = |of: Type, pick: u8| column_or_literal(inside, of, pick);
        match function {
            Function::RowNumber(p) => (format!("row_number() OVER ({}{order})", by(p)), Type::Integer),
            Function::Rank(p, of, pick) => {
                let order = format!("ORDER BY {} NULLS FIRST", value(*of, *pick));
                (format!("rank() OVER ({}{order})", by(p)), Type::Integer)
            }
            Function::Lag(p, of, pick, far) => {
                (format!("lag({}, {far}) OVER ({}{order})", value(*of, *pick), by(p)), *of)
            }
            Function::Lead(p, of, pick) => (format!("lead({}) OVER ({}{order})", value(*of, *pick), by(p)), *of),
            Function::FirstValue(p, of, pick) => {
                (format!("first_value({}) OVER ({}{order})", value(*of, *pick), by(p)), *of)
            }
            Function::RunningSum(p, pick) => {
                (format!("sum({}) OVER ({}{order})", value(Type::Integer, *pick), by(p)), Type::Integer)
            }
            Function::Total(p, aggregate) => {
                // DISTINCT is not part of windows everywhere.
                let aggregate = match aggregate {
                    Aggregate::CountDistinct(..) | Aggregate::SumDistinct(_) => &Aggregate::CountAll,
                    other => other,
                };
                let (sql, of) = self.aggregate(aggregate, inside);
                (format!("{sql} OVER ({})", by(p).trim_end()), of)
            }
            Function::Moving(p, pick, before, after) => {
                let frame = format!("ROWS BETWEEN {before} PRECEDING AND {after} FOLLOWING");
                (format!("sum({}) OVER ({}{order} {frame})", value(Type::Integer, *pick), by(p)), Type::Integer)
            }
        }
    }

    fn set(&mut self, operation: SetOperation, left: &Relation, right: &Relation) -> Select {
        let (left, right) = (self.relation(left), self.relation(right));
        let alias = self.alias();
        let inside = scope(&alias, &right.types);
        let same: Vec<_> = (0_u8..).zip(&left.types).map(|(n, of)| column_or_literal(&inside, *of, n)).collect();
        let operation = match operation {
            SetOperation::UnionAll => "UNION ALL",
            SetOperation::Union => "UNION",
            SetOperation::Intersect => "INTERSECT",
            SetOperation::Except => "EXCEPT",
        };
        let sql = format!("({}) {operation} (SELECT {} FROM ({}) {alias})", left.sql, named(&same), right.sql);
        Select { sql, types: left.types, rows: left.rows + right.rows }
    }
}

fn words(kind: JoinKind, dialect: Dialect) -> &'static str {
    match (kind, dialect) {
        (JoinKind::Inner, _) => "JOIN",
        (JoinKind::Left, _) => "LEFT JOIN",
        (JoinKind::Right, _) => "RIGHT JOIN",
        (JoinKind::Full, _) => "FULL JOIN",
        (JoinKind::Cross, _) => "CROSS JOIN",
        (JoinKind::Semi, Dialect::Arachne) => "LEFT SEMI JOIN",
        (JoinKind::Anti, Dialect::Arachne) => "LEFT ANTI JOIN",
        (JoinKind::Semi, Dialect::DuckDb) => "SEMI JOIN",
        (JoinKind::Anti, Dialect::DuckDb) => "ANTI JOIN",
    }
}

fn named(values: &[String]) -> String {
    values.iter().enumerate().map(|(number, value)| format!("{value} AS c{number}")).collect::<Vec<_>>().join(", ")
}
