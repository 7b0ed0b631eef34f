use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;

use super::support::House;
use crate::access::Principal;
use crate::error::ErrorCode;
use crate::query::{Parameters, QueryRequest};

fn positional(values: impl IntoIterator<Item = ScalarValue>) -> Parameters {
    Parameters::Positional(values.into_iter().collect())
}

fn named<const N: usize>(values: [(&str, ScalarValue); N]) -> Parameters {
    Parameters::Named(values.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

#[tokio::test]
async fn values_stand_anywhere() {
    let house = House::open().await;
    let int = |n: i64| ScalarValue::from(n);
    let text = |t: &str| ScalarValue::from(t);
    for (sql, values, expected) in [
        ("SELECT ?", vec![int(7)], "7"),
        ("SELECT ? + ?", vec![int(7), int(8)], "15"),
        ("SELECT upper(?)", vec![text("it's")], "IT'S"),
        ("SELECT id FROM sales.orders WHERE id = ?", vec![int(3)], "3"),
        ("SELECT id FROM sales.orders WHERE n = ?", vec![int(3)], "3"),
        ("SELECT id FROM sales.orders WHERE n = ?", vec![ScalarValue::Int8(Some(3))], "3"),
        ("SELECT id FROM sales.orders WHERE id = ?", vec![text("3")], "3"),
        ("SELECT id FROM sales.orders WHERE name = ?", vec![text("name4")], "4"),
        ("SELECT id FROM sales.orders WHERE name LIKE ? ORDER BY id LIMIT 1", vec![text("name%")], "1"),
        ("SELECT id FROM sales.orders WHERE day = ?", vec![ScalarValue::Date32(Some(5))], "5"),
        ("SELECT id FROM sales.orders WHERE day = ?", vec![text("1970-01-06")], "5"),
        ("SELECT id FROM sales.orders WHERE price = ?", vec![ScalarValue::Float64(Some(6.0))], "6"),
        ("SELECT id FROM sales.orders WHERE price = ?", vec![ScalarValue::Decimal128(Some(70), 3, 1)], "7"),
        ("SELECT id FROM sales.orders WHERE id > ? - 0.5 AND id < $1 + 0.5", vec![int(3)], "3"),
        ("SELECT id FROM sales.orders WHERE id IN (?, ?) ORDER BY id DESC LIMIT ?", vec![int(2), int(9), int(1)], "9"),
        ("SELECT id FROM sales.orders ORDER BY id OFFSET ? LIMIT ?", vec![int(4), int(1)], "5"),
        ("SELECT count(*) FROM sales.orders WHERE id BETWEEN ? AND ?", vec![int(2), int(4)], "3"),
        ("SELECT count(*) FROM (SELECT * FROM sales.orders WHERE n < ?) t", vec![int(4)], "3"),
        ("SELECT id FROM sales.orders WHERE id = (SELECT max(n) FROM sales.orders WHERE n < ?)", vec![int(4)], "3"),
        ("SELECT CASE WHEN ? THEN 'yes' ELSE 'no' END", vec![ScalarValue::from(true)], "yes"),
        ("SELECT coalesce(?, 'none')", vec![ScalarValue::Null], "none"),
        ("SELECT count(*) FROM sales.orders WHERE id = ?", vec![ScalarValue::Null], "0"),
        ("SELECT $2 - $1", vec![int(1), int(10)], "9"),
        ("VALUES (?)", vec![text("x")], "x"),
        ("WITH t AS (SELECT ? AS a) SELECT a FROM t UNION ALL SELECT 'b' ORDER BY 1 LIMIT 1", vec![text("a")], "a"),
        ("SELECT n FROM sales.orders GROUP BY n HAVING sum(n) = ?", vec![int(5)], "5"),
        ("SELECT '?', ? -- ?", vec![int(1)], "?|1"),
    ] {
        let rows = house.rows_with(sql, positional(values)).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(rows, [expected], "{sql}");
    }
}

#[tokio::test]
async fn a_value_beside_an_interval_is_a_date_or_a_time() {
    let house = House::open().await;
    let date = |day: i32| ScalarValue::Date32(Some(day));
    let time = |day: i64| ScalarValue::TimestampMicrosecond(Some(day * 86_400_000_000), None);
    let text = |t: &str| ScalarValue::from(t);
    for (sql, values, expected) in [
        ("SELECT count(*) FROM sales.orders WHERE day >= ? - INTERVAL '1' DAY", vec![date(9)], "3"),
        ("SELECT count(*) FROM sales.orders WHERE day >= ? - INTERVAL '1' DAY", vec![time(9)], "3"),
        ("SELECT count(*) FROM sales.orders WHERE day >= ? - INTERVAL '1' DAY", vec![text("1970-01-10")], "3"),
        ("SELECT count(*) FROM sales.orders WHERE INTERVAL '1' DAY + ? <= day", vec![date(7)], "3"),
        ("SELECT count(*) FROM sales.orders WHERE day - ? >= INTERVAL '1' DAY", vec![date(7)], "3"),
        ("SELECT count(*) FROM sales.orders WHERE day - ? >= INTERVAL '24' HOUR", vec![time(7)], "3"),
        ("SELECT count(*) FROM sales.orders WHERE INTERVAL '1' DAY <= day - DATE '1970-01-08'", vec![], "3"),
        ("SELECT count(*) FROM sales.orders WHERE day > ? - INTERVAL '1' DAY - INTERVAL '24' HOUR", vec![date(9)], "3"),
        (
            "SELECT count(*) FROM sales.orders WHERE day BETWEEN ? - INTERVAL '2' DAY AND $1 + INTERVAL '1' DAY",
            vec![date(5)],
            "4",
        ),
        (
            "SELECT count(*) FROM (SELECT day FROM sales.orders) t WHERE EXISTS \
             (SELECT 1 FROM hr.people p WHERE p.day = t.day AND p.day < ? + INTERVAL '1' DAY)",
            vec![date(3)],
            "3",
        ),
        ("SELECT ? - INTERVAL '1' DAY", vec![date(1)], "1970-01-01"),
        ("SELECT ? + INTERVAL '36' HOUR", vec![time(0)], "1970-01-02T12:00:00"),
        ("SELECT ? - INTERVAL '1' DAY", vec![text("1970-01-03")], "1970-01-02"),
        ("SELECT ? - INTERVAL '1' HOUR", vec![text("1970-01-03 10:30:00")], "1970-01-03T09:30:00"),
        ("SELECT ? - INTERVAL '1' DAY", vec![ScalarValue::Null], ""),
        ("SELECT date_trunc('month', ? - INTERVAL '1' DAY)", vec![date(31)], "1970-01-01T00:00:00"),
    ] {
        let sql = sql.replace("AND $1 +", "AND ? +");
        let count = sql.matches('?').count();
        let values = values.into_iter().cycle().take(count);
        let rows = house.rows_with(&sql, positional(values)).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(rows, [expected], "{sql}");
    }
    let described = |sql: &'static str| {
        let service = house.service.clone();
        async move { service.describe(&QueryRequest::new(sql)).await.unwrap() }
    };
    let description = described("SELECT id FROM sales.orders WHERE day >= ? - INTERVAL '1' DAY AND id = ?").await;
    let types: Vec<_> = description.parameters.iter().map(|field| field.data_type().clone()).collect();
    assert_eq!(types, [DataType::Date32, DataType::Int64]);
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    let description = described("SELECT ? - INTERVAL '1' DAY").await;
    assert_eq!(description.parameters[0].data_type(), &time);
    assert_eq!(description.schema.field(0).data_type(), &time);
    // What is no moment is told without being shown.
    let error = house.rows_with("SELECT ? - INTERVAL '1' DAY", positional([text("hush")])).await.unwrap_err();
    assert!(error.code == ErrorCode::InvalidArgument && !error.to_string().contains("hush"), "{error}");
}

#[tokio::test]
async fn the_plan_of_a_query_with_values_is_kept_and_the_values_are_not_asked_for_again() {
    let house = House::open().await;
    let (service, local) = (&house.service, Principal::local());
    let submit = |sql: &str, values: Vec<ScalarValue>| {
        service.submit(QueryRequest { parameters: positional(values), ..QueryRequest::new(sql) })
    };
    let info = submit("SELECT id FROM sales.orders WHERE id = ?", vec![ScalarValue::from(7_i64)]).await.unwrap();
    let failed = submit("SELECT nope FROM sales.orders WHERE id = ?", vec![ScalarValue::from(7_i64)]).await.unwrap();
    service.idle().await;
    let plan = service.plan(&local, &info.id).await.unwrap();
    assert!(plan.text.starts_with("runs:") && plan.text.contains("id@0 = 7"), "{}", plan.text);
    let error = service.plan(&local, &failed.id).await.unwrap_err();
    assert!(error.code == ErrorCode::NotFound && error.message.contains("before it was planned"), "{error}");
    // One without is planned again, and nobody else is told.
    let plain = service.submit(QueryRequest::new("SELECT id FROM sales.orders WHERE id = 8")).await.unwrap();
    service.idle().await;
    assert!(service.plan(&local, &plain.id).await.unwrap().text.contains("id@0 = 8"));
}

#[tokio::test]
async fn values_have_names() {
    let house = House::open().await;
    let values = || named([("a", ScalarValue::from(3_i64)), ("b", ScalarValue::from(4_i64))]);
    for sql in ["SELECT $a + $b + $a", "SELECT :a + :b + :a", "SELECT (:a)+:b+ :a"] {
        assert_eq!(house.rows_with(sql, values()).await.unwrap(), ["10"], "{sql}");
    }
    // A protocol without names gives them in the order in which they are first named.
    let ordered = positional([ScalarValue::from(5_i64), ScalarValue::from(2_i64)]);
    assert_eq!(house.rows_with("SELECT :b - :a - :b", ordered).await.unwrap(), ["-2"]);
}

#[tokio::test]
async fn what_does_not_fit_is_told_before_anything_runs() {
    let house = House::open().await;
    let int = || ScalarValue::from(1_i64);
    for (sql, parameters, says) in [
        ("SELECT ?", Parameters::None, "1 parameter, no values were given"),
        ("SELECT ?, ?", positional([int()]), "2 parameters, 1 value was given"),
        ("SELECT ?", positional([int(), int()]), "2 values were given"),
        ("SELECT 1", positional([int()]), "no parameters"),
        ("SHOW TABLES", positional([int()]), "no parameters"),
        ("SELECT $3", positional([int()]), "3 parameters"),
        ("SELECT :a", named([("b", int())]), "no parameter $b"),
        ("SELECT :a + :b", named([("b", int())]), "$a has no value"),
        ("SELECT :a", named([("a", int()), ("a", int())]), "twice"),
        ("SELECT ?", named([("a", int())]), "by name"),
        ("SELECT * FROM sales.orders WHERE n = ?", positional([ScalarValue::from("no secret")]), "parameter $1"),
        ("SELECT * FROM sales.orders WHERE day = ?", positional([ScalarValue::from(true)]), "parameter $1"),
    ] {
        let error = house.rows_with(sql, parameters).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{sql}: {error}");
        assert!(error.message.contains(says) && error.hint.is_some(), "{sql}: {error:?}");
        assert!(!error.message.contains("secret"), "{error}");
    }
    let mixed = house.rows_with("SELECT ?, :a", positional([int()])).await.unwrap_err();
    assert_eq!(mixed.code, ErrorCode::Syntax);
}

#[tokio::test]
async fn explain_takes_parameters_too() {
    let house = House::open().await;
    let sql = "EXPLAIN SELECT id FROM sales.orders WHERE id = ?";
    let text = house.rows_with(sql, positional([ScalarValue::from(123_456_i64)])).await.unwrap().join("\n");
    assert!(text.contains("123456"), "{text}");
}

#[tokio::test]
async fn every_type_goes_in_and_comes_out() {
    let house = House::open().await;
    for value in [
        ScalarValue::Boolean(Some(true)),
        ScalarValue::Int8(Some(-1)),
        ScalarValue::Int16(Some(-1)),
        ScalarValue::Int32(Some(-1)),
        ScalarValue::UInt8(Some(1)),
        ScalarValue::UInt16(Some(1)),
        ScalarValue::UInt32(Some(1)),
        ScalarValue::UInt64(Some(u64::MAX)),
        ScalarValue::Float32(Some(1.5)),
        ScalarValue::Float64(Some(-0.0)),
        ScalarValue::Decimal128(Some(12345), 20, 3),
        ScalarValue::Decimal256(Some(12345.into()), 60, 3),
        ScalarValue::Utf8(Some("ü\0'".to_owned())),
        ScalarValue::LargeUtf8(Some("x".to_owned())),
        ScalarValue::Utf8View(Some("x".to_owned())),
        ScalarValue::Binary(Some(vec![0, 255])),
        ScalarValue::LargeBinary(Some(vec![0, 255])),
        ScalarValue::Date32(Some(1)),
        ScalarValue::Date64(Some(86_400_000)),
        ScalarValue::Time32Millisecond(Some(1)),
        ScalarValue::Time64Nanosecond(Some(1)),
        ScalarValue::TimestampSecond(Some(1), None),
        ScalarValue::TimestampMicrosecond(Some(1), None),
        ScalarValue::TimestampNanosecond(Some(1), Some("UTC".into())),
        ScalarValue::IntervalYearMonth(Some(1)),
        ScalarValue::DurationMillisecond(Some(1)),
        ScalarValue::Utf8(None),
        ScalarValue::Int64(None),
        ScalarValue::new_list_nullable(&[ScalarValue::Int64(Some(1))], &arrow::datatypes::DataType::Int64).into_list(),
    ] {
        let parameters = positional([value.clone()]);
        let request = QueryRequest { parameters, ..QueryRequest::new("SELECT ? AS v") };
        let (_, batches) = house.batches(request).await.unwrap_or_else(|error| panic!("{value:?}: {error}"));
        let out = ScalarValue::try_from_array(batches[0].column(0), 0).unwrap();
        assert_eq!(out.cast_to(&value.data_type()).unwrap(), value);
    }
}

trait IntoList {
    fn into_list(self) -> ScalarValue;
}

impl IntoList for std::sync::Arc<arrow::array::ListArray> {
    fn into_list(self) -> ScalarValue {
        ScalarValue::List(self)
    }
}
