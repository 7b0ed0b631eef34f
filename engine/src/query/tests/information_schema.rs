use super::support::{House, by};
use crate::access::Level;
use crate::query::QueryRequest;

#[tokio::test]
async fn databases_tables_and_columns_are_found_by_sql() {
    let house = House::open().await;
    // Nobody looks at where a table lies: this one lies nowhere.
    house
        .rows(
            "CREATE EXTERNAL TABLE sales.visits (url string COMMENT 'where', n int, tags array<string>, at timestamp) \
             PARTITIONED BY (day date) STORED AS PARQUET LOCATION 's3://no-such-bucket/visits/'",
        )
        .await
        .unwrap();
    for (sql, expected) in [
        (
            "SELECT schema_name FROM information_schema.schemata ORDER BY 1",
            vec!["default", "hr", "information_schema", "sales"],
        ),
        (
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'sales' ORDER BY 1",
            vec!["orders", "visits"],
        ),
        (
            "SELECT * FROM information_schema.tables WHERE table_name IN ('people', 'nowhere')",
            vec!["awsdatacatalog|hr|people|BASE TABLE"],
        ),
        (
            "SELECT count(*) FROM awsdatacatalog.information_schema.tables WHERE table_schema <> 'information_schema'",
            vec!["3"],
        ),
        (
            "SELECT column_name, ordinal_position, is_nullable, data_type, comment, extra_info \
             FROM information_schema.columns WHERE table_schema = 'sales' AND table_name = 'visits' ORDER BY 2",
            vec![
                "url|1|YES|varchar|where|",
                "n|2|YES|integer||",
                "tags|3|YES|array(varchar)||",
                "at|4|YES|timestamp(3)||",
                "day|5|YES|date||partition key",
            ],
        ),
        (
            "SELECT t.table_schema, count(*) FROM information_schema.tables t JOIN information_schema.columns c \
             ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
             WHERE t.table_schema LIKE '%s%' AND t.table_schema <> 'information_schema' GROUP BY 1",
            vec!["sales|10"],
        ),
        (
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'information_schema' AND table_name = 'schemata'",
            vec!["catalog_name", "schema_name"],
        ),
        ("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'nowhere'", vec!["0"]),
        ("SELECT count(*) FROM information_schema.views", vec!["0"]),
        ("SELECT table_name FROM INFORMATION_SCHEMA.TABLES WHERE upper(TABLE_SCHEMA) = 'HR'", vec!["people"]),
        (
            "SELECT value FROM information_schema.df_settings WHERE name = 'datafusion.catalog.default_schema'",
            vec!["default"],
        ),
    ] {
        let rows = house.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(rows, expected, "{sql}");
    }
    let error = house.rows("SELECT * FROM information_schema.nowhere").await.unwrap_err();
    assert!(error.message.contains("nowhere"), "{error}");
    let description =
        house.service.describe(&QueryRequest::new("SELECT * FROM information_schema.tables")).await.unwrap();
    let names: Vec<_> = description.schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["table_catalog", "table_schema", "table_name", "table_type"]);
}

#[tokio::test]
async fn what_a_user_may_not_read_is_not_there() {
    let house = House::under(&[("user:ann", "*", Level::Admin), ("user:ben", "hr.people", Level::Read)]).await;
    let count =
        "SELECT count(DISTINCT table_name) FROM information_schema.columns WHERE table_schema <> 'information_schema'";
    for (user, databases, tables, columns) in [
        ("ann", vec!["default", "hr", "information_schema", "sales"], vec!["hr.people", "sales.orders"], "2"),
        ("ben", vec!["default", "hr", "information_schema"], vec!["hr.people"], "1"),
        ("cid", vec!["default", "information_schema"], vec![], "0"),
    ] {
        let rows = |sql: &'static str| house.rows_of(by(user, sql));
        assert_eq!(rows("SELECT schema_name FROM information_schema.schemata ORDER BY 1").await.unwrap(), databases);
        let named = "SELECT table_schema || '.' || table_name FROM information_schema.tables \
                     WHERE table_schema IN ('hr', 'sales', 'default') ORDER BY 1";
        assert_eq!(rows(named).await.unwrap(), tables, "{user}");
        assert_eq!(rows(count).await.unwrap(), [columns], "{user}");
        let hidden =
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'sales' AND table_name = 'orders'";
        assert_eq!(rows(hidden).await.unwrap(), [if user == "ann" { "1" } else { "0" }], "{user}");
    }
}
