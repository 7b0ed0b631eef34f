//! Partitions are dropped before anything below them is listed.

use arachne_catalog::Catalog;
use arrow::array::record_batch;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::sync::Arc;
use url::Url;

use super::support::{Lake, parquet};
use crate::error::ErrorCode;

async fn months(lake: &Lake, root: &str) {
    for year in 2020..2025 {
        for month in 1..=12 {
            let batch = record_batch!(("v", Int64, [i64::from(year * 100 + month)])).unwrap();
            lake.put_parquet(&format!("{root}/year={year}/month={month:02}/part 0.parquet"), &batch).await;
        }
    }
}

#[tokio::test]
async fn folders_of_a_path_are_columns_and_prune_its_files() {
    let lake = Lake::new().await;
    months(&lake, "p").await;
    let sql = "select v, year, month from \"s3://b/p/\" where year = 2023 and month >= '11'";
    let query = lake.query();
    let plan = query.session.sql(sql).await.unwrap();
    let looked = query.requests();
    let plan = plan.create_physical_plan().await.unwrap();
    // What was looked at to find the columns is not listed again.
    assert_eq!(query.requests().list, looked.list);
    assert_eq!(query.run(plan).await.unwrap(), ["202311|2023|11", "202312|2023|12"]);
    assert_eq!(query.report.files_total(), 2);
    assert_eq!(lake.rows("select count(*), min(year), max(month) from \"s3://b/p/\"").await.unwrap(), ["60|2020|12"]);
}

#[tokio::test]
async fn a_pattern_over_partitions_has_their_columns() {
    let lake = Lake::new().await;
    months(&lake, "p").await;
    let rows = lake.rows("select v, month from \"s3://b/p/year=2024/*/*.parquet\" where month = '03'").await.unwrap();
    assert_eq!(rows, ["202403|03"]);
    let rows = lake.rows("select year, count(*) from \"s3://b/p/**/*.parquet\" where year > 2023 group by year").await;
    assert_eq!(rows.unwrap(), ["2024|12"]);
}

#[tokio::test]
async fn partitions_are_remembered_until_the_catalog_has_others() {
    let lake = Lake::new().await;
    for (place, v) in [("one", 1), ("two", 2), ("else", 3)] {
        lake.put_parquet(&format!("{place}/f.parquet"), &record_batch!(("v", Int64, [v])).unwrap()).await;
    }
    let table = lake.create_table("t", &[("v", "bigint")], &[("k", "string")]).await;
    let rows = async || lake.rows("select v, k from t where k > '0'").await.unwrap();
    assert_eq!(rows().await, [""; 0]);
    lake.add_partition(&table, &["1"], "s3://b/one/").await;
    for _ in 0..2 {
        assert_eq!(rows().await, ["1|1"]);
    }
    lake.add_partition(&table, &["2"], "s3://b/two/").await;
    assert_eq!(rows().await, ["1|1", "2|2"]);
    lake.catalog.drop_partition("default", "t", &["1".to_owned()]).await.unwrap();
    assert_eq!(rows().await, ["2|2"]);
    // The same values at another place.
    lake.catalog.drop_partition("default", "t", &["2".to_owned()]).await.unwrap();
    lake.add_partition(&table, &["2"], "s3://b/else/").await;
    assert_eq!(rows().await, ["3|2"]);
    // The same partitions, read otherwise.
    let mut numbers = table.clone();
    numbers.partition_keys[0].data_type = "int".to_owned();
    lake.catalog.update_table(numbers).await.unwrap();
    assert_eq!(lake.rows("select v, k + 1 from t where k = 2").await.unwrap(), ["3|3"]);
    lake.catalog.drop_table("default", "t").await.unwrap();
    lake.create_table("t", &[("v", "bigint")], &[("k", "string")]).await;
    assert_eq!(rows().await, [""; 0]);
}

#[tokio::test]
async fn a_declared_table_without_registered_partitions_finds_its_folders() {
    let lake = Lake::new().await;
    months(&lake, "t").await;
    lake.put("t/stray.parquet", "not part of the table").await;
    lake.create_table("t", &[("v", "bigint")], &[("year", "int"), ("month", "string")]).await;
    let query = lake.query();
    let rows = query.rows("select v from t where month = '02' and year in (2021, 2022)").await.unwrap();
    assert_eq!(rows, ["202102", "202202"]);
    // The root, two years, and two files' folders.
    assert_eq!(query.requests().list, 1 + 2 + 2);
}

#[tokio::test]
async fn only_the_registered_partitions_that_match_are_listed() {
    let lake = Lake::new().await;
    let table = lake.create_table("t", &[("v", "bigint")], &[("day", "date"), ("hour", "int")]).await;
    for day in 1..=20 {
        let location = format!("s3://b/somewhere/else/{day}");
        lake.put_parquet(&format!("somewhere/else/{day}/x.parquet"), &record_batch!(("v", Int64, [day])).unwrap())
            .await;
        lake.add_partition(&table, &[&format!("2024-01-{day:02}"), "7"], &location).await;
    }
    lake.put_parquet("t/day=2024-01-01/hour=8/y.parquet", &record_batch!(("v", Int64, [99])).unwrap()).await;
    let query = lake.query();
    let rows = query.rows("select v, day, hour from t where day > date '2024-01-18'").await.unwrap();
    assert_eq!(rows, ["19|2024-01-19|7", "20|2024-01-20|7"]);
    assert_eq!(query.requests().list, 2);
    let query = lake.query();
    assert_eq!(query.rows("select count(*) from t where day > date '2024-01-03'").await.unwrap(), ["17"]);
    assert_eq!(query.requests().list, 1, "side by side");
    let query = lake.query();
    assert_eq!(query.rows("select v from t where hour = 8").await.unwrap(), [""; 0]);
    assert_eq!(query.requests().list, 0);
}

#[tokio::test]
async fn partitions_may_lie_in_several_buckets() {
    let lake = Lake::new().await;
    let other = Arc::new(InMemory::new());
    lake.stores.insert(&Url::parse("s3://other").unwrap(), other.clone()).unwrap();
    let table = lake.create_table("t", &[("v", "bigint")], &[("k", "string")]).await;
    lake.put_parquet("one/x.parquet", &record_batch!(("v", Int64, [1])).unwrap()).await;
    let bytes = parquet(&record_batch!(("v", Int64, [2])).unwrap(), 10);
    other.put_opts(&Path::from("one/x.parquet"), bytes.into(), Default::default()).await.unwrap();
    lake.add_partition(&table, &["a"], "s3://b/one/").await;
    lake.add_partition(&table, &["b"], "s3://other/one/").await;
    assert_eq!(lake.rows("select k, v from t").await.unwrap(), ["a|1", "b|2"]);
    assert_eq!(lake.rows("select sum(v) from t where v > 1").await.unwrap(), ["2"]);
}

#[tokio::test]
async fn values_keep_what_they_are() {
    let lake = Lake::new().await;
    let one = record_batch!(("v", Int64, [1])).unwrap();
    for folder in ["day=2024-02-29", "day=__HIVE_DEFAULT_PARTITION__"] {
        lake.put_parquet(&format!("d/{folder}/x.parquet"), &one).await;
    }
    lake.put_parquet("e/city=S%C3%A3o Paulo%2FBR/x.parquet", &one).await;
    assert_eq!(lake.rows("select day from \"s3://b/d/\"").await.unwrap(), ["2024-02-29", "NULL"]);
    assert_eq!(lake.rows("select count(*), count(day) from \"s3://b/d/\"").await.unwrap(), ["2|1"]);
    assert_eq!(lake.rows("select count(*) from \"s3://b/d/\" where day is null").await.unwrap(), ["1"]);
    assert_eq!(lake.rows("select city from \"s3://b/e/\"").await.unwrap(), ["São Paulo/BR"]);
}

#[tokio::test]
async fn folders_that_cannot_be_one_table_are_refused() {
    let lake = Lake::new().await;
    let one = record_batch!(("v", Int64, [1])).unwrap();
    lake.put_parquet("m/k=1/x.parquet", &one).await;
    lake.put_parquet("m/y.parquet", &one).await;
    let error = lake.error("select * from \"s3://b/m/\"").await;
    assert_eq!(error.code, ErrorCode::InvalidData);
    assert!(error.message.contains("mixes partition folders (k=...)"), "{error}");

    lake.create_table("n", &[("v", "bigint")], &[("k", "int")]).await;
    lake.put_parquet("n/k=x/x.parquet", &one).await;
    let error = lake.error("select * from n").await;
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::InvalidData, "partition k=x is not of type Int32"));
}

#[tokio::test]
async fn a_path_of_many_partitions_is_not_listed_as_a_whole() {
    let lake = Lake::new().await;
    for k in 0..300 {
        lake.put_parquet(&format!("many/k={k}/x.parquet"), &record_batch!(("v", Int64, [k])).unwrap()).await;
    }
    let query = lake.query();
    let rows = query.rows("select v from \"s3://b/many/\" where k between 148 and 150").await.unwrap();
    assert_eq!(rows, ["148", "149", "150"]);
    // The root, the sample of 64 folders, and the three that match and lie outside it.
    assert_eq!(query.requests().list, 1 + 64 + 3);
    assert_eq!(query.report.files_total(), 3);
}
