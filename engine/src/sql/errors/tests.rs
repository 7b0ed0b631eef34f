//! Against DataFusion's real planner, so that a change of its messages is noticed.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::datasource::MemTable;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::*;
use crate::sql::{Statement, caret, parse_one};

async fn error(sql: &str) -> Error {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.collect_spans = true;
    let context = SessionContext::new_with_config(config);
    let columns = |names: &[&str]| {
        let fields: Vec<Field> = names.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        Arc::new(MemTable::try_new(schema, vec![vec![]]).unwrap())
    };
    context.register_table("lineitem", columns(&["l_orderkey", "l_partkey", "l_tax"])).unwrap();
    context.register_table("orders", columns(&["o_orderkey", "o_Total"])).unwrap();
    let Statement::Query(query) = parse_one(sql).unwrap() else { panic!() };
    let known = ["lineitem".to_owned(), "orders".to_owned()];
    let state = context.state();
    let planned = match state.statement_to_plan(query).await {
        Ok(plan) => state.create_physical_plan(&plan).await.map(|_| ()),
        Err(error) => Err(error),
    };
    describe(planned.unwrap_err(), sql, &known)
}

#[track_caller]
fn is(error: &Error, code: ErrorCode, message: &str, place: (u64, u64), hint: Option<&str>) {
    assert_eq!((error.code, error.message.as_str(), error.hint.as_deref()), (code, message, hint));
    assert_eq!(error.position, Some(Position { line: place.0, column: place.1 }));
}

#[tokio::test]
async fn unknown_names() {
    let found = error("SELECT l_ordrekey\nFROM lineitem").await;
    is(&found, ErrorCode::NotFound, "column l_ordrekey does not exist", (1, 8), Some("did you mean l_orderkey?"));
    let found = error("SELECT l_tax FROM lineitem l\nWHERE l.orderkey = 1").await;
    is(&found, ErrorCode::NotFound, "column l.orderkey does not exist", (2, 7), Some("did you mean l_orderkey?"));
    let found = error("SELECT o_total FROM orders").await;
    is(&found, ErrorCode::NotFound, "column o_total does not exist", (1, 8), Some("did you mean \"o_Total\"?"));
    let found = error("SELECT color FROM orders").await;
    is(&found, ErrorCode::NotFound, "column color does not exist", (1, 8), Some("the columns are o_orderkey, o_Total"));
    let found = error("SELECT *\nFROM lineitems").await;
    is(&found, ErrorCode::NotFound, "table lineitems does not exist", (2, 6), Some("did you mean lineitem?"));
    let found = error("SELECT * FROM orders o, public.customer").await;
    assert_eq!((found.message.as_str(), found.position.unwrap().line), ("table public.customer does not exist", 1));
    let found = error("SELECT approx_distnct(l_tax) FROM lineitem").await;
    is(
        &found,
        ErrorCode::NotFound,
        "function approx_distnct does not exist",
        (1, 8),
        Some("did you mean approx_distinct?"),
    );
}

#[tokio::test]
async fn wrong_statements() {
    let found = error("SELECT l_tax FROM lineitem a, lineitem b").await;
    is(
        &found,
        ErrorCode::Syntax,
        "column l_tax is ambiguous: more than one table has it",
        (1, 8),
        Some("say which one is meant: table.l_tax"),
    );
    let found = error("SELECT l_tax, sum(l_partkey) FROM lineitem").await;
    assert_eq!((found.code, found.position), (ErrorCode::Syntax, Some(Position { line: 1, column: 8 })));
    assert!(found.message.contains("GROUP BY"), "{}", found.message);
    let found = error("SELECT sum('a') FROM lineitem").await;
    assert_eq!((found.code, found.message.as_str()), (ErrorCode::Syntax, "there is no function sum(Utf8)"));
    assert_eq!(found.position, Some(Position { line: 1, column: 8 }));
    assert!(found.hint.unwrap().contains("sum(Float64)"));
    let found = error("SELECT l_tax FROM lineitem UNION SELECT 1, 2").await;
    assert_eq!(found.code, ErrorCode::Syntax);
    let found = error("SELECT l_tax\nFROM lineitem WHERE l_tax BETWEEN INTERVAL '5' DAY AND 8").await;
    is(
        &found,
        ErrorCode::Syntax,
        "BETWEEN cannot compare Int64 and Interval(MonthDayNano)",
        (2, 27),
        Some("cast them to one type, as in CAST(x AS double)"),
    );
    let found = error("SELECT l_tax + 'x' FROM lineitem WHERE l_tax AND 1").await;
    assert!(!found.message.contains("Error"), "{}", found.message);
}

#[tokio::test]
async fn errors_of_ours_come_out_as_they_are() {
    let ours = Error::new(ErrorCode::Throttled, "slow down");
    let wrapped = DataFusionError::from(ours.clone()).context("while listing");
    assert_eq!(describe(wrapped, "SELECT 1", &[]), ours);
    let missing = DataFusionError::from(Error::new(ErrorCode::NotFound, "table default.lineitme does not exist"));
    let found = describe(missing, "SELECT *\nFROM lineitme", &["lineitem".to_owned()]);
    is(&found, ErrorCode::NotFound, "table lineitme does not exist", (2, 6), Some("did you mean lineitem?"));
}

#[tokio::test]
async fn the_caret_stands_below_the_name() {
    let sql = "SELECT *\n\tFROM lineitme";
    let found = error(sql).await;
    assert_eq!(caret(sql, found.position.unwrap()), "2 |     FROM lineitme\n  |          ^");
}
