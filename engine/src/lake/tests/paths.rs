//! Paths as tables.

use arrow::array::record_batch;
use datafusion::physical_plan::displayable;

use super::support::{Lake, parquet};
use crate::error::ErrorCode;

/// Names that an encoder or decoder on the way would change.
const ODD_KEYS: [&str; 5] =
    ["odd/a b.parquet", "odd/c%20d.parquet", "odd/e+f=g.parquet", "odd/Zürich 東京.parquet", "odd/100%/x&y;z.parquet"];

#[tokio::test]
async fn odd_names_are_read_by_name_by_folder_and_by_pattern() {
    let lake = Lake::new().await;
    for (index, key) in ODD_KEYS.iter().enumerate() {
        lake.put_parquet(key, &record_batch!(("id", Int64, [index as i64])).unwrap()).await;
    }
    for (index, key) in ODD_KEYS.iter().enumerate() {
        assert_eq!(lake.rows(&format!("select id from \"s3://b/{key}\"")).await.unwrap(), [index.to_string()], "{key}");
    }
    assert_eq!(lake.rows("select id from \"s3://b/odd/\"").await.unwrap(), ["0", "1", "2", "3", "4"]);
    assert_eq!(lake.rows("select id from \"s3://b/odd\"").await.unwrap().len(), 5);
    assert_eq!(lake.rows("select id from \"s3://b/odd/*.parquet\"").await.unwrap(), ["0", "1", "2", "3"]);
    assert_eq!(lake.rows("select id from \"s3://b/odd/**/*.parquet\"").await.unwrap().len(), 5);
}

#[tokio::test]
async fn local_files_are_read_by_name_by_folder_and_by_url() {
    let lake = Lake::new().await;
    let folder = tempfile::tempdir().unwrap();
    for (index, key) in ODD_KEYS.iter().enumerate() {
        let file = folder.path().join(key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, parquet(&record_batch!(("id", Int64, [index as i64])).unwrap(), 10)).unwrap();
    }
    let root = folder.path().to_str().unwrap();
    for (index, key) in ODD_KEYS.iter().enumerate() {
        for prefix in ["", "file://"] {
            let rows = lake.rows(&format!("select id from \"{prefix}{root}/{key}\"")).await.unwrap();
            assert_eq!(rows, [index.to_string()], "{key}");
        }
    }
    for path in
        [format!("{root}/odd/"), format!("{root}/odd"), format!("file://{root}"), format!("{root}/**/*.parquet")]
    {
        assert_eq!(lake.rows(&format!("select id from \"{path}\"")).await.unwrap().len(), 5, "{path}");
    }
}

#[tokio::test]
async fn columns_of_all_files_unite() {
    let lake = Lake::new().await;
    lake.put_parquet("t/1.parquet", &record_batch!(("Id", Int32, [1]), ("name", Utf8, ["x"])).unwrap()).await;
    lake.put_parquet("t/2.parquet", &record_batch!(("id", Int64, [5_000_000_000]), ("price", Float32, [1.5])).unwrap())
        .await;
    let rows = lake.rows("select id, name, price from \"s3://b/t/\"").await.unwrap();
    assert_eq!(rows, ["1|x|NULL", "5000000000|NULL|1.5"]);
    let rows =
        lake.rows("select count(*), count(name), min(id), max(id), count(price) from \"s3://b/t/\"").await.unwrap();
    assert_eq!(rows, ["2|1|1|5000000000|1"]);
    assert_eq!(lake.rows("select name from \"s3://b/t/\" where id < 2").await.unwrap(), ["x"]);
}

#[tokio::test]
async fn types_that_do_not_go_together_name_both_files() {
    let lake = Lake::new().await;
    lake.put_parquet("t/1.parquet", &record_batch!(("id", Int32, [1])).unwrap()).await;
    lake.put_parquet("t/2.parquet", &record_batch!(("id", Utf8, ["a"])).unwrap()).await;
    let error = lake.error("select * from \"s3://b/t/\"").await;
    assert_eq!(error.code, ErrorCode::InvalidData);
    assert_eq!(error.message, "column id is Int32 in s3://b/t/1.parquet but Utf8 in s3://b/t/2.parquet");
}

#[tokio::test]
async fn text_is_known_by_its_name() {
    let lake = Lake::new().await;
    lake.put("c/a.csv", "id,name\n1,x\n2,y\n").await;
    lake.put("c/_SUCCESS", "").await;
    lake.put("tab/a.tsv", "id\tname\n3\tz\n").await;
    assert_eq!(lake.rows("select name, id from \"s3://b/c/\"").await.unwrap(), ["x|1", "y|2"]);
    assert_eq!(lake.rows("select id + 1 from \"s3://b/tab/a.tsv\"").await.unwrap(), ["4"]);
}

#[tokio::test]
async fn a_join_of_texts_collects_the_smaller_one() {
    let lake = Lake::new().await;
    let table = |rows: i64| (0..rows).fold("k,n\n".to_owned(), |text, row| format!("{text}{row},{}\n", row * 1000));
    lake.put("large/a.csv", table(2000)).await;
    lake.put("small/a.csv", table(20)).await;
    let query = lake.query();
    let sql = "select count(*) from \"s3://b/large/\" where k in (select max(k) from \"s3://b/small/\" group by n)";
    let plan = query.plan(sql).await.unwrap();
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    assert!(shown.contains("join_type=RightSemi"), "{shown}");
    assert_eq!(query.run(plan).await.unwrap(), ["20"]);
}

#[tokio::test]
async fn what_is_not_there_or_not_known_says_so() {
    let lake = Lake::new().await;
    lake.put("x/data.bin", "?").await;
    lake.put("y/a.csv", "a\n1\n").await;
    lake.put_parquet("y/b.parquet", &record_batch!(("a", Int32, [1])).unwrap()).await;
    for (path, code, part) in [
        ("s3://b/none/", ErrorCode::NotFound, "there are no files below s3://b/none/"),
        ("s3://b/none.parquet", ErrorCode::NotFound, "s3://b/none.parquet"),
        ("s3://b/y/*.orc", ErrorCode::NotFound, "no file matches s3://b/y/*.orc"),
        ("s3://b/x/", ErrorCode::InvalidArgument, "the format of x/data.bin"),
        ("s3://b/y/", ErrorCode::InvalidArgument, "two formats: y/a.csv and y/b.parquet"),
    ] {
        let error = lake.error(&format!("select * from \"{path}\"")).await;
        assert_eq!(error.code, code, "{path}: {error}");
        assert!(error.message.contains(part), "{path}: {error}");
    }
}

#[tokio::test]
async fn an_unknown_table_is_left_to_the_planner() {
    let lake = Lake::new().await;
    let error = lake.error("select * from nosuch").await;
    assert!(error.message.contains("nosuch") && error.message.contains("not found"), "{error}");
}
