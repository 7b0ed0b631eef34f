use futures::StreamExt as _;

use super::support::{House, ORDERS, by, no_local_files, policy};
use crate::access::{Access, Level, LocationRules, Principal, Workgroup};
use crate::error::{ErrorCode, Result};
use crate::query::{Compute, HistoryFilter, QueryLimits, QueryRequest, QueryState, ResultPage};

fn code<T: std::fmt::Debug>(result: Result<T>) -> ErrorCode {
    result.unwrap_err().code
}

#[tokio::test]
async fn what_may_not_be_read_does_not_exist() {
    let house = House::under(&[("user:ann", "sales.*", Level::Read)]).await;
    assert_eq!(house.rows_as("ann", "SELECT count(*) FROM sales.orders").await.unwrap(), ["10"]);
    assert_eq!(house.rows_as("ann", "SHOW DATABASES").await.unwrap(), ["default", "sales"]);
    assert_eq!(house.rows_as("bob", "SHOW DATABASES").await.unwrap(), ["default"]);
    for sql in [
        "SELECT * FROM hr.people",
        "SELECT * FROM sales.orders, hr.people",
        "SELECT (SELECT max(id) FROM hr.people)",
        "WITH t AS (SELECT * FROM hr.people) SELECT 1 FROM t",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM hr.people)",
        "EXPLAIN SELECT * FROM hr.people",
        "DESCRIBE hr.people",
        "SHOW TABLES IN hr",
        "SHOW COLUMNS IN hr.people",
        "SHOW CREATE TABLE hr.people",
        "SHOW PARTITIONS hr.people",
        "SHOW TBLPROPERTIES hr.people",
        "USE hr",
        "DROP TABLE hr.people",
        "ALTER TABLE hr.people SET LOCATION 's3://b/'",
        "MSCK REPAIR TABLE hr.people",
        "DROP DATABASE hr CASCADE",
    ] {
        let error = house.rows_as("ann", sql).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::NotFound, "{sql}: {error}");
        let described = house.service.describe(&by("ann", sql)).await;
        assert!(described.is_err() || !sql.starts_with("SELECT"), "{sql}");
    }
    assert_eq!(code(house.service.dry_run(&by("ann", "SELECT * FROM hr.people")).await), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_suggestion_does_not_name_what_may_not_be_seen() {
    let house = House::under(&[("user:ann", "hr.nothing", Level::Read), ("user:bob", "hr.people", Level::Read)]).await;
    let misspelt = |user: &str| QueryRequest { database: "hr".to_owned(), ..by(user, "SELECT * FROM peple") };
    let hint = house.rows_of(misspelt("bob")).await.unwrap_err().hint.unwrap();
    assert!(hint.contains("people"), "{hint}");
    let hint = house.rows_of(misspelt("ann")).await.unwrap_err().hint.unwrap();
    assert!(!hint.contains("people"), "{hint}");
    let error = house.rows_as("ann", "DESCRIBE hr.peple").await.unwrap_err();
    assert!(!format!("{error:?}").contains("people"), "{error:?}");
}

#[tokio::test]
async fn what_may_be_read_is_not_changed() {
    let house = House::under(&[("everyone", "sales.*", Level::Read)]).await;
    for sql in [
        "DROP TABLE sales.orders",
        "ALTER TABLE sales.orders ADD COLUMNS (x int)",
        "ALTER TABLE sales.orders SET TBLPROPERTIES ('a' = 'b')",
        "CREATE EXTERNAL TABLE sales.other (a int) STORED AS PARQUET LOCATION 's3://b/x/'",
        "DROP DATABASE sales CASCADE",
        "CREATE DATABASE other",
        "CREATE EXTERNAL TABLE here (a int) STORED AS PARQUET LOCATION 's3://b/x/'",
    ] {
        let error = house.rows_as("ann", sql).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PermissionDenied, "{sql}: {error}");
        assert!(error.message.contains("ann"), "{error}");
    }
}

#[tokio::test]
async fn writing_changes_tables_and_administering_changes_databases() {
    let house = House::under(&[
        ("user:ann", "sales.*", Level::Write),
        ("user:root", "*", Level::Admin),
        ("user:dba", "new.*", Level::Admin),
    ])
    .await;
    house.rows_as("ann", "ALTER TABLE sales.orders ADD COLUMNS (extra string)").await.unwrap();
    assert_eq!(code(house.rows_as("ann", "DROP DATABASE sales CASCADE").await), ErrorCode::PermissionDenied);
    house.rows_as("dba", "CREATE DATABASE new").await.unwrap();
    house.rows_as("dba", "DROP DATABASE new").await.unwrap();
    house.rows_as("ann", "DROP TABLE sales.orders").await.unwrap();
    house.rows_as("root", "DROP DATABASE hr CASCADE").await.unwrap();
    assert_eq!(house.rows_as("root", "SHOW DATABASES").await.unwrap(), ["default", "sales"]);
}

#[tokio::test]
async fn a_location_is_named_by_whoever_may_read_it() {
    let house = House::under(&[("user:ann", "sales.*", Level::Write), ("user:root", "*", Level::Admin)]).await;
    let secret = house.path("people/");
    let make = format!("CREATE EXTERNAL TABLE sales.mine ({ORDERS}) STORED AS PARQUET LOCATION 'file://{secret}'");
    let change = format!("ALTER TABLE sales.orders SET LOCATION 'file://{secret}'");
    let read = format!("SELECT * FROM '{secret}'");
    let file = format!("SELECT * FROM '{secret}a.parquet'");
    let pattern = format!("SELECT * FROM '{secret}*.parquet'");
    for sql in [&make, &change, &read, &file, &pattern] {
        let error = house.rows_as("ann", sql).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PermissionDenied, "{sql}: {error}");
    }
    for sql in [&read, &file, &pattern, &make] {
        house.rows_as("root", sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[tokio::test]
async fn partitions_lie_below_their_table_or_where_one_may_read() {
    let house = House::under(&[("user:ann", "sales.*", Level::Write), ("user:root", "*", Level::Admin)]).await;
    let location = house.path("parts/");
    let make = format!(
        "CREATE EXTERNAL TABLE sales.parts (id bigint) PARTITIONED BY (p string) STORED AS PARQUET LOCATION 'file://{location}'"
    );
    house.rows_as("root", &make).await.unwrap();
    house.rows_as("ann", "ALTER TABLE sales.parts ADD PARTITION (p = 'a')").await.unwrap();
    let below = format!("ALTER TABLE sales.parts ADD PARTITION (p = 'b') LOCATION 'file://{location}elsewhere/'");
    house.rows_as("ann", &below).await.unwrap();
    for outside in [house.path("people/"), house.path("parts/../people/"), house.path("parts2/")] {
        let sql = format!("ALTER TABLE sales.parts ADD PARTITION (p = 'c') LOCATION 'file://{outside}'");
        let error = house.rows_as("ann", &sql).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PermissionDenied, "{sql}: {error}");
    }
}

#[tokio::test]
async fn a_server_without_local_files_reads_none_however_they_are_named() {
    let house = House::with(|parts| {
        parts.access = Access { locations: no_local_files(), ..Access::default() };
    })
    .await;
    let folder = house.path("people");
    for sql in [
        "SELECT * FROM sales.orders".to_owned(),
        "MSCK REPAIR TABLE sales.orders".to_owned(),
        format!("SELECT * FROM '{folder}/'"),
        format!("SELECT * FROM 'file://{folder}/'"),
        format!("SELECT * FROM 'file:{folder}/'"),
        format!("SELECT * FROM 'FILE://{folder}/a.parquet'"),
        format!("SELECT * FROM '{folder}/*.parquet'"),
        format!("SELECT * FROM '{folder}/../people/a.parquet'"),
        "SELECT * FROM './x.parquet'".to_owned(),
        "SELECT * FROM '../x.csv'".to_owned(),
        "SELECT * FROM 'x/'".to_owned(),
        "SELECT * FROM '/etc/passwd'".to_owned(),
        format!("CREATE EXTERNAL TABLE x (a int) STORED AS PARQUET LOCATION '{folder}'"),
        "ALTER TABLE sales.orders SET LOCATION 'file:///etc/'".to_owned(),
    ] {
        let error = house.rows(&sql).await.expect_err(&sql);
        assert!(matches!(error.code, ErrorCode::PermissionDenied | ErrorCode::InvalidArgument), "{sql}: {error:?}");
    }
    // Its own results are another matter.
    let info = house.service.submit(QueryRequest::new("SELECT 1")).await.unwrap();
    let last =
        house.service.watch(&Principal::local(), &info.id).await.unwrap().collect::<Vec<_>>().await.pop().unwrap();
    assert_eq!(last.state, QueryState::Finished, "{:?}", last.error);
    house.service.results(&Principal::local(), &info.id, ResultPage::default()).await.unwrap();
}

#[tokio::test]
async fn buckets_beside_the_allowed_ones_are_never_asked() {
    let rules = LocationRules { local_files: false, allowed: vec![url::Url::parse("s3://lake/open/").unwrap()] };
    let house = House::with(|parts| parts.access = Access { locations: rules, ..Access::default() }).await;
    for place in [
        "s3://lake/secret/",
        "s3://lake/",
        "s3://lake",
        "s3://lake/opened/",
        "s3://lake/*",
        "s3://lake/op*/x.parquet",
        "s3://lake/{open,secret}/x.parquet",
        "s3://lake/open/../secret/",
        "s3://lake/%6fpen/",
        "s3://lake/open%2f..%2fsecret/",
        "s3a://other/open/",
        "S3://LAKE/open/",
        "s3://lake.evil/open/",
        "s3://user@lake/open/",
        "https://lake/open/",
    ] {
        for sql in [
            format!("SELECT * FROM '{place}'"),
            format!("CREATE EXTERNAL TABLE t (a int) STORED AS PARQUET LOCATION '{place}'"),
        ] {
            let error = house.rows(&sql).await.expect_err(&sql);
            use ErrorCode::{InvalidArgument, PermissionDenied, Syntax};
            let wanted = matches!(error.code, PermissionDenied | InvalidArgument | Syntax);
            assert!(wanted, "{sql}: {error:?}");
        }
    }
    let sql = "CREATE EXTERNAL TABLE t (a int) STORED AS PARQUET LOCATION 's3://lake/open/t/'";
    house.rows(sql).await.unwrap();
}

#[tokio::test]
async fn queries_are_their_users_own() {
    let house = House::under(&[("everyone", "sales.*", Level::Read), ("user:root", "*", Level::Admin)]).await;
    let (ann, bob, root) = (Principal::user("ann"), Principal::user("bob"), Principal::user("root"));
    let service = &house.service;
    let id = service.submit(by("ann", "SELECT 1")).await.unwrap().id;
    service.watch(&ann, &id).await.unwrap().collect::<Vec<_>>().await;
    for who in [&ann, &root] {
        service.get(who, &id).await.unwrap();
        service.results(who, &id, ResultPage::default()).await.unwrap();
        service.cancel(who, &id).await.unwrap();
        service.plan(who, &id).await.unwrap();
        assert_eq!(service.list(who, &HistoryFilter::default()).await.unwrap().len(), 1);
    }
    assert_eq!(code(service.get(&bob, &id).await), ErrorCode::NotFound);
    assert_eq!(code(service.results(&bob, &id, ResultPage::default()).await.map(|_| ())), ErrorCode::NotFound);
    assert_eq!(code(service.cancel(&bob, &id).await), ErrorCode::NotFound);
    assert_eq!(code(service.watch(&bob, &id).await.map(|_| ())), ErrorCode::NotFound);
    assert_eq!(code(service.plan(&bob, &id).await), ErrorCode::NotFound);
    assert_eq!(service.list(&bob, &HistoryFilter::default()).await.unwrap(), []);
    let anns = HistoryFilter { user: Some("ann".to_owned()), ..HistoryFilter::default() };
    assert_eq!(service.list(&bob, &anns).await.unwrap(), []);
    assert_eq!(service.list(&root, &anns).await.unwrap().len(), 1);
}

#[tokio::test]
async fn settings_that_reach_beyond_the_query_are_the_operators() {
    let house = House::under(&[("everyone", "sales.*", Level::Read), ("user:root", "*", Level::Admin)]).await;
    for (name, value) in [
        ("arachne.exchange", "s3://evil/"),
        ("exchange", "s3://evil/"),
        ("arachne.compute", "lambda"),
        ("arachne.worker_memory", "1"),
        ("arachne.max_workers", "100000"),
        ("datafusion.execution.batch_size", "1000000000"),
        ("datafusion.sql_parser.enable_ident_normalization", "false"),
    ] {
        let request = by("ann", "SELECT 1").with_setting(name, value);
        assert_eq!(code(house.service.check_settings(&request)), ErrorCode::PermissionDenied, "{name}");
        assert_eq!(code(house.rows_of(request).await), ErrorCode::PermissionDenied, "{name}");
    }
    for (name, value) in [("arachne.max_time", "10s"), ("max_result_rows", "5"), ("arachne.tasks_per_stage", "2")] {
        house.rows_of(by("ann", "SELECT 1").with_setting(name, value)).await.unwrap();
    }
    house.rows_of(by("root", "SELECT 1").with_setting("arachne.exchange", "s3://mine/")).await.unwrap();
}

#[tokio::test]
async fn a_workgroups_limits_hold_and_are_only_lowered() {
    let etl = Workgroup {
        limits: QueryLimits { max_result_rows: Some(5), ..QueryLimits::default() },
        compute: Some(Compute::Embedded),
        ..Workgroup::new("etl")
    };
    let house = House::with(|parts| {
        parts.settings.limits.max_result_rows = Some(8);
        parts.access = Access { workgroups: vec![etl], ..Access::default() };
    })
    .await;
    let of = |workgroup: &str, limit: &str| {
        let principal = Principal { user: "ann".to_owned(), workgroup: workgroup.to_owned() };
        QueryRequest { principal, ..QueryRequest::new(format!("SELECT id FROM sales.orders LIMIT {limit}")) }
    };
    house.rows_of(of("etl", "5")).await.unwrap();
    assert_eq!(code(house.rows_of(of("etl", "6")).await), ErrorCode::ResourceExhausted);
    house.rows_of(of("primary", "8")).await.unwrap();
    assert_eq!(code(house.rows_of(of("primary", "9")).await), ErrorCode::ResourceExhausted);
    let raise = of("etl", "1").with_setting("arachne.max_result_rows", "6");
    assert_eq!(code(house.rows_of(raise).await), ErrorCode::PermissionDenied);
}

#[tokio::test]
async fn a_workgroup_has_its_own_place_for_results() {
    let other = tempfile::tempdir().unwrap();
    let location = format!("file://{}", other.path().display());
    let etl = Workgroup { results: Some(location), ..Workgroup::new("etl") };
    let house = House::with(|parts| parts.access = Access { workgroups: vec![etl], ..Access::default() }).await;
    let principal = Principal { user: "ann".to_owned(), workgroup: "etl".to_owned() };
    let request = QueryRequest { principal: principal.clone(), ..QueryRequest::new("SELECT 1") };
    let id = house.service.submit(request).await.unwrap().id;
    house.service.watch(&principal, &id).await.unwrap().collect::<Vec<_>>().await;
    assert!(other.path().join(format!("{id}.arrow")).exists());
    house.service.results(&principal, &id, ResultPage::default()).await.unwrap();
}

#[tokio::test]
async fn the_catalog_of_a_principal_is_the_one_that_queries_see() {
    let house = House::with(|parts| {
        parts.access = Access { policy: policy(&[("user:ann", "sales.orders", Level::Read)]), ..Access::default() };
    })
    .await;
    let catalog = house.service.catalog_of(&Principal::user("ann"));
    let names: Vec<_> = catalog.databases().await.unwrap().into_iter().map(|database| database.name).collect();
    assert_eq!(names, ["default", "sales"]);
    assert_eq!(catalog.tables("sales").await.unwrap().len(), 1);
    assert!(catalog.table("hr", "people").await.is_err() && catalog.drop_table("sales", "orders").await.is_err());
    assert!(catalog.table("sales", "orders").await.is_ok());
}
