//! Declared columns over files as they are.

use arachne_catalog::{Catalog, NullOrder, SortColumn, SortDirection};
use arrow::array::record_batch;
use datafusion::physical_plan::displayable;

use super::support::{Lake, parquet};
use crate::error::ErrorCode;

#[tokio::test]
async fn columns_are_found_whatever_their_case() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("userid", "bigint"), ("name", "string"), ("missing", "int")], &[]).await;
    lake.put_parquet("t/1.parquet", &record_batch!(("userId", Int64, [1, 2]), ("NAME", Utf8, ["a", "b"])).unwrap())
        .await;
    lake.put_parquet("t/2.parquet", &record_batch!(("name", Utf8, ["c"]), ("USERID", Int64, [3])).unwrap()).await;
    assert_eq!(lake.rows("select * from t").await.unwrap(), ["1|a|NULL", "2|b|NULL", "3|c|NULL"]);
    assert_eq!(lake.rows("select name from t where userid = 2").await.unwrap(), ["b"]);
    assert_eq!(lake.rows("select userid from t where name = 'c'").await.unwrap(), ["3"]);
    assert_eq!(lake.rows("select min(userid), max(name), count(missing), count(*) from t").await.unwrap(), ["1|c|0|3"]);
}

#[tokio::test]
async fn declared_types_are_read_from_what_the_files_hold() {
    let lake = Lake::new().await;
    let columns = [("a", "bigint"), ("b", "int"), ("c", "decimal(12,3)"), ("d", "string"), ("e", "double")];
    lake.create_table("t", &columns, &[]).await;
    let batch = record_batch!(
        ("a", Int32, [1]),
        ("b", Int64, [2]),
        ("c", Int32, [3]),
        ("d", Int32, [4]),
        ("e", Float32, [0.5])
    );
    lake.put_parquet("t/1.parquet", &batch.unwrap()).await;
    assert_eq!(lake.rows("select * from t").await.unwrap(), ["1|2|3.000|4|0.5"]);
    assert_eq!(lake.rows("select min(a), max(b), min(c), max(d), max(e) from t").await.unwrap(), ["1|2|3.000|4|0.5"]);
    assert_eq!(lake.rows("select a from t where b = 2 and c < 3.5 and d = '4'").await.unwrap(), ["1"]);
}

#[tokio::test]
async fn a_file_without_rows_takes_nothing_from_what_is_known_of_the_others() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("a", "bigint")], &[]).await;
    let rows = record_batch!(("a", Int64, [3, 1, 2])).unwrap();
    lake.put_parquet("t/1.parquet", &rows).await;
    lake.put_parquet("t/2.parquet", &rows.slice(0, 0)).await;
    let query = lake.query();
    let plan = query.plan("select a from t where a > 1").await.unwrap();
    let shown = displayable(plan.as_ref()).set_show_statistics(true).indent(false).to_string();
    assert!(shown.contains("Min=Exact(Int64(1))") || shown.contains("Min=Inexact(Int64(1))"), "{shown}");
    assert!(!shown.contains("t/2.parquet"), "{shown}");
    assert_eq!(query.run(plan).await.unwrap(), ["2", "3"]);
    lake.create_table("none", &[("a", "bigint")], &[]).await;
    lake.put_parquet("none/1.parquet", &rows.slice(0, 0)).await;
    assert_eq!(lake.rows("select count(*), sum(a) from none").await.unwrap(), ["0|NULL"]);
}

#[tokio::test]
async fn a_type_that_cannot_be_read_names_file_and_column() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("a", "bigint")], &[]).await;
    lake.put_parquet("t/good.parquet", &record_batch!(("a", Int64, [1])).unwrap()).await;
    lake.put_parquet("t/bad.parquet", &record_batch!(("A", Utf8, ["7"])).unwrap()).await;
    let error = lake.error("select * from t").await;
    assert_eq!(error.code, ErrorCode::InvalidData);
    assert_eq!(error.message, "s3://b/t/bad.parquet: column a is Utf8 in the file, but Int64 in the table");
}

#[tokio::test]
async fn a_number_that_does_not_fit_is_an_error() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("a", "int")], &[]).await;
    lake.put_parquet("t/1.parquet", &record_batch!(("a", Int64, [1, 5_000_000_000])).unwrap()).await;
    let error = lake.error("select a from t").await;
    assert_eq!(error.code, ErrorCode::InvalidData, "{error}");
    assert!(error.message.contains("5000000000"), "{error}");
}

#[tokio::test]
async fn a_table_without_files_has_no_rows() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("a", "bigint"), ("s", "string")], &[]).await;
    lake.create_table("p", &[("a", "bigint")], &[("k", "int")]).await;
    lake.put("t/_SUCCESS", "").await;
    lake.put("t/sub_$folder$", "").await;
    assert_eq!(lake.rows("select * from t").await.unwrap(), [""; 0]);
    assert_eq!(lake.rows("select count(*), max(s) from t").await.unwrap(), ["0|NULL"]);
    assert_eq!(lake.rows("select * from p where k = 1").await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn files_whose_statistics_rule_them_out_are_not_read() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("id", "bigint")], &[]).await;
    for file in 0..10_i64 {
        let ids: Vec<i64> = (file * 100..file * 100 + 100).collect();
        let batch = arrow::array::RecordBatch::try_from_iter([(
            "Id",
            std::sync::Arc::new(arrow::array::Int64Array::from(ids)) as _,
        )]);
        lake.put(&format!("t/{file}.parquet"), parquet(&batch.unwrap(), 50)).await;
    }
    let query = lake.query();
    let rows = query.rows("select count(*) from t where id between 250 and 260").await.unwrap();
    assert_eq!(rows, ["11"]);
    assert_eq!((query.report.files_total(), query.report.files_chosen()), (10, 1));
    assert!(query.report.bytes_total() > query.report.bytes_chosen() && query.report.bytes_chosen() > 0);
}

#[tokio::test]
async fn files_that_are_declared_as_sorted_are_not_sorted_again() {
    let lake = Lake::new().await;
    let mut table = lake.create_table("t", &[("id", "bigint"), ("name", "string")], &[]).await;
    table.storage.sort_columns =
        vec![SortColumn { column: "id".to_owned(), direction: SortDirection::Descending, nulls: NullOrder::Last }];
    lake.catalog.update_table(table).await.unwrap();
    let sorts = async |sql| {
        let plan = lake.query().plan(sql).await.unwrap();
        displayable(plan.as_ref()).indent(false).to_string().contains("SortExec")
    };
    lake.put_parquet("t/1.parquet", &record_batch!(("ID", Int64, [3, 1]), ("name", Utf8, ["c", "a"])).unwrap()).await;
    assert!(!sorts("select name, id from t order by id desc nulls last").await);
    assert!(sorts("select name, id from t order by id").await);
    assert_eq!(lake.rows("select id from t order by id desc nulls last limit 1").await.unwrap(), ["3"]);

    // More files than partitions: what lies behind each other in a group is not sorted as a whole.
    for file in 2..40_i64 {
        let batch = record_batch!(("id", Int64, [file + 5, file]), ("name", Utf8, ["x", "y"])).unwrap();
        lake.put_parquet(&format!("t/{file}.parquet"), &batch).await;
    }
    assert!(sorts("select id from t order by id desc nulls last").await);
    assert_eq!(lake.rows("select id from t order by id desc nulls last limit 3").await.unwrap(), ["42", "43", "44"]);
}

#[tokio::test]
async fn a_string_may_be_bytes_in_the_file() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("s", "string")], &[]).await;
    for (file, column) in [("1", "s"), ("2", "S")] {
        let bytes = arrow::array::BinaryArray::from_iter_values([b"caf\xc3\xa9", b"other"]);
        let batch = arrow::array::RecordBatch::try_from_iter([(column, std::sync::Arc::new(bytes) as _)]).unwrap();
        lake.put_parquet(&format!("t/{file}.parquet"), &batch).await;
    }
    assert_eq!(lake.rows("select s from t where s like 'caf_'").await.unwrap(), ["caf\u{e9}", "caf\u{e9}"]);
    assert_eq!(lake.rows("select max(s), count(s) from t").await.unwrap(), ["other|4"]);
}

#[tokio::test]
async fn a_table_that_is_named_twice_is_listed_once() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("id", "bigint")], &[]).await;
    lake.put_parquet("t/1.parquet", &record_batch!(("id", Int64, [1, 2])).unwrap()).await;
    let query = lake.query();
    let rows = query.rows("select a.id from t a join t b on a.id = b.id + 1").await.unwrap();
    assert_eq!(rows, ["2"]);
    assert_eq!((query.requests().list, query.report.files_total()), (1, 1));
}
