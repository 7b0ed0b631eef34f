//! Files that are not what they should be: an error that names them, never part of the rows.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, record_batch};

use super::support::{Lake, parquet};
use crate::error::ErrorCode;
use crate::storage::pins_of;

fn numbers(from: i64, count: i64) -> RecordBatch {
    let numbers = Int64Array::from_iter_values(from..from + count);
    RecordBatch::try_from_iter([("id", Arc::new(numbers) as _)]).unwrap()
}

#[tokio::test]
async fn a_file_that_is_not_parquet_or_is_cut_short_is_named() {
    let good = parquet(&numbers(0, 1000), 1000);
    let cases: [(&str, bytes::Bytes); 4] = [
        ("text", "this is only text, with enough bytes to hold a footer".into()),
        ("short", "PAR1".into()),
        ("cut", good.slice(..good.len() - 9)),
        ("middle", good.slice(good.len() / 2..good.len() - 4)),
    ];
    for (name, bytes) in cases {
        let lake = Lake::new().await;
        lake.create_table("t", &[("id", "bigint")], &[]).await;
        lake.put("t/good.parquet", good.clone()).await;
        lake.put(&format!("t/{name}.parquet"), bytes).await;
        for from in ["t", "\"s3://b/t/\""] {
            let error = lake.error(&format!("select count(*) from {from}")).await;
            assert_eq!(error.code, ErrorCode::InvalidData, "{name}: {error}");
            assert!(error.message.contains(&format!("s3://b/t/{name}.parquet")), "{name}: {error}");
        }
    }
}

#[tokio::test]
async fn a_file_that_changes_after_planning_is_an_error() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("id", "bigint")], &[]).await;
    lake.put("t/1.parquet", parquet(&numbers(0, 1000), 100)).await;
    lake.put("t/2.parquet", parquet(&numbers(1000, 1000), 100)).await;
    let query = lake.query();
    let plan = query.plan("select sum(id) from t where id > 5").await.unwrap();
    let pins = pins_of(&plan);
    assert_eq!(pins.iter().map(|pin| pin.path.as_str()).collect::<Vec<_>>(), ["t/1.parquet", "t/2.parquet"]);
    assert!(pins.iter().all(|pin| pin.store == "s3://b" && !pin.e_tag.is_empty()));
    lake.put("t/2.parquet", parquet(&numbers(5000, 1000), 100)).await;
    let error = query.run(plan).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidData);
    assert_eq!(error.message, "s3://b/t/2.parquet changed while the query was reading it");
    assert_eq!(lake.rows("select max(id) from t where id > 5").await.unwrap(), ["5999"]);
}

#[tokio::test]
async fn statistics_that_are_not_there_are_not_made_up() {
    use parquet::arrow::ArrowWriter;
    use parquet::file::properties::{EnabledStatistics, WriterProperties};
    let lake = Lake::new().await;
    lake.create_table("t", &[("id", "bigint")], &[]).await;
    let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).build();
    let batch = record_batch!(("id", Int64, [None, Some(3)])).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    lake.put("t/without.parquet", bytes).await;
    lake.put("t/with.parquet", parquet(&numbers(10, 2), 10)).await;
    assert_eq!(lake.rows("select min(id), max(id), count(id), count(*) from t").await.unwrap(), ["3|11|3|4"]);
    assert_eq!(lake.rows("select count(*) from t where id = 3").await.unwrap(), ["1"]);
    assert_eq!(lake.rows("select count(*) from t where id is null").await.unwrap(), ["1"]);
}
