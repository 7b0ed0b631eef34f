use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::support::House;
use crate::error::ErrorCode;
use crate::query::{Parameters, QueryRequest, StatementKind};

#[tokio::test]
async fn the_schema_that_is_promised_is_the_one_that_comes() {
    let house = House::open().await;
    house.rows("CREATE DATABASE described").await.unwrap();
    for sql in [
        "SELECT 1",
        "SELECT * FROM sales.orders",
        "SELECT min(id), max(name), count(*), sum(price), avg(n) FROM sales.orders",
        "SELECT min(id) AS a FROM sales.orders WHERE id > 100",
        "SELECT coalesce(name, 'x'), CASE WHEN id > 1 THEN 1 ELSE 2.5 END, NULL, true FROM sales.orders",
        "SELECT id, (SELECT max(id) FROM sales.orders) m FROM sales.orders",
        "SELECT 1 UNION ALL SELECT id FROM sales.orders",
        "SELECT a.id, b.name FROM sales.orders a LEFT JOIN hr.people b ON a.id = b.id + 5 WHERE b.id IS NOT NULL",
        "SELECT array_agg(id), map {'a': 1}, ROW(1, 'x') FROM sales.orders",
        "SELECT id FROM sales.orders WHERE false",
        "SELECT id, row_number() OVER (ORDER BY id), lag(n) OVER (ORDER BY id) FROM sales.orders",
        "SELECT DATE '2020-01-01', TIMESTAMP '2020-01-01 00:00:00', now(), X'00', 1.5, 1e0",
        "VALUES (1, 'a'), (NULL, 'b')",
        "SELECT day, count(*) FROM sales.orders GROUP BY day",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "SHOW DATABASES",
        "SHOW TABLES IN sales",
        "SHOW VIEWS IN sales",
        "SHOW COLUMNS IN sales.orders",
        "SHOW CREATE TABLE sales.orders",
        "SHOW TBLPROPERTIES sales.orders",
        "DESCRIBE sales.orders",
        "DESCRIBE FORMATTED sales.orders",
        "CREATE DATABASE IF NOT EXISTS described",
        "DROP DATABASE described",
        "USE sales",
    ] {
        let request = QueryRequest::new(sql);
        let described = house.service.describe(&request).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let (schema, batches) = house.batches(request).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(described.schema, schema, "{sql}");
        assert!(batches.iter().all(|batch| batch.schema() == schema), "{sql}");
    }
}

#[tokio::test]
async fn parameters_are_described_and_the_schema_stays_with_their_values() {
    let house = House::open().await;
    let sql = "SELECT id, name, n + ? AS more FROM sales.orders WHERE name = ? AND day < ? LIMIT 3";
    let described = house.service.describe(&QueryRequest::new(sql)).await.unwrap();
    let types: Vec<_> = described.parameters.iter().map(|field| (field.name().as_str(), field.data_type())).collect();
    assert_eq!(types.len(), 3);
    assert_eq!(types[0], ("$1", &DataType::Int32));
    assert!(matches!(types[1], ("$2", DataType::Utf8 | DataType::Utf8View)), "{types:?}");
    assert_eq!(types[2], ("$3", &DataType::Date32));
    let values = vec![ScalarValue::from(1_i32), ScalarValue::from("name1"), ScalarValue::Date32(Some(100))];
    let request = QueryRequest { parameters: Parameters::Positional(values), ..QueryRequest::new(sql) };
    let with_values = house.service.describe(&request).await.unwrap();
    let (schema, _) = house.batches(request).await.unwrap();
    assert_eq!(with_values.schema, schema);
    assert_eq!(described.schema, schema);
    let named = house.service.describe(&QueryRequest::new("SELECT :a, $b")).await.unwrap();
    assert_eq!(named.parameters.iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["a", "b"]);
    // What cannot be typed is described nevertheless: a client prepares before it has values.
    for sql in ["SELECT ? + ?", "SELECT upper(?)", "SELECT ? OR true"] {
        house.service.describe(&QueryRequest::new(sql)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[tokio::test]
async fn nothing_is_run_and_nothing_noted() {
    let house = House::open().await;
    // Evaluating the subquery would fail: it has ten rows.
    let sql = "SELECT (SELECT id FROM sales.orders) AS a";
    house.service.describe(&QueryRequest::new(sql)).await.unwrap();
    assert!(house.rows(sql).await.is_err());
    for sql in ["DROP TABLE sales.orders", "CREATE DATABASE other", "MSCK REPAIR TABLE sales.orders"] {
        let described = house.service.describe(&QueryRequest::new(sql)).await.unwrap();
        assert_eq!(described.kind, StatementKind::Change, "{sql}");
    }
    assert_eq!(house.rows("SHOW TABLES IN sales").await.unwrap(), ["orders"]);
    assert_eq!(house.rows("SHOW DATABASES").await.unwrap().len(), 3);
    for sql in ["SELECT 1", "SHOW TABLES", "DESCRIBE sales.orders", "EXPLAIN SELECT 1"] {
        assert_eq!(house.service.describe(&QueryRequest::new(sql)).await.unwrap().kind, StatementKind::Rows, "{sql}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let house = House::open().await;
    for (sql, code) in [
        ("SELEC 1", ErrorCode::Syntax),
        ("SELECT nope FROM sales.orders", ErrorCode::NotFound),
        ("SELECT * FROM sales.order", ErrorCode::NotFound),
        ("INSERT INTO t VALUES (1)", ErrorCode::NotSupported),
        ("SELECT 1; SELECT 2", ErrorCode::Syntax),
    ] {
        assert_eq!(house.service.describe(&QueryRequest::new(sql)).await.unwrap_err().code, code, "{sql}");
    }
}

#[tokio::test]
async fn a_dry_run_says_what_a_query_would_read() {
    let house = House::open().await;
    let request = QueryRequest::new("SELECT id FROM sales.orders WHERE id = (SELECT max(id) FROM hr.people)");
    let run = house.service.dry_run(&request).await.unwrap();
    assert_eq!((run.files, run.partitions), (2, 2));
    assert!(run.bytes > 0 && run.plan.contains("parquet") && run.schema.field(0).name() == "id", "{run:?}");
    assert_eq!(run.estimate.bytes, run.bytes);
    let none = house.service.dry_run(&QueryRequest::new("SELECT 1")).await.unwrap();
    assert_eq!((none.files, none.bytes, none.tasks), (0, 0, 0));
    house.service.dry_run(&QueryRequest::new("DROP TABLE sales.orders")).await.unwrap();
    assert_eq!(house.rows("SHOW TABLES IN sales").await.unwrap(), ["orders"]);
}
