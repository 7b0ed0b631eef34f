//! A plan that was encoded and decoded reads the same rows: what the wire leaves out is put back.

use std::sync::Arc;

use arrow::array::record_batch;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::bytes::{physical_plan_from_bytes, physical_plan_to_bytes};

use super::support::{Lake, Query};
use crate::error::ErrorCode;
use crate::storage::{ReadAhead, pins_of, prepare_scans};

/// The plan of a query, as a worker gets it, and the worker's session.
async fn shipped(lake: &Lake, sql: &str) -> (Arc<dyn ExecutionPlan>, Query) {
    let query = lake.query();
    let plan = query.session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    let pins = pins_of(&plan);
    let bytes = physical_plan_to_bytes(plan).unwrap();
    let worker = lake.worker(pins);
    (physical_plan_from_bytes(&bytes, &worker.session.task_ctx()).unwrap(), worker)
}

fn prepared(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    prepare_scans(plan, &ReadAhead::default()).unwrap()
}

#[tokio::test]
async fn columns_are_found_whatever_their_case() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("userid", "bigint"), ("name", "string")], &[]).await;
    // Two rows that differ: a column of one value is taken from the file's statistics, which do travel.
    for (key, id) in [("t/a b%20+.parquet", 1), ("t/2.parquet", 3)] {
        let batch = record_batch!(("userId", Int64, [id, id + 1]), ("Name", Utf8, ["x", "y"])).unwrap();
        lake.put_parquet(key, &batch).await;
    }
    let sql = "select userid, name from t where userid > 0";
    let (plan, worker) = shipped(&lake, sql).await;
    assert_eq!(worker.run(prepared(plan)).await.unwrap(), ["1|x", "2|y", "3|x", "4|y"]);
    let (plan, worker) = shipped(&lake, sql).await;
    assert_eq!(worker.run(plan).await.unwrap(), [""; 0], "the trap that preparing the plan is for");
}

#[tokio::test]
async fn a_file_that_changed_since_planning_is_an_error() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("id", "bigint")], &[]).await;
    lake.put_parquet("t/1.parquet", &record_batch!(("id", Int64, [1, 2])).unwrap()).await;
    let (plan, worker) = shipped(&lake, "select id from t where id > 1").await;
    // Of the same size, so that only its version tells.
    lake.put_parquet("t/1.parquet", &record_batch!(("id", Int64, [1, 3])).unwrap()).await;
    let error = worker.run(prepared(plan)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidData);
    assert!(error.message.contains("s3://b/t/1.parquet changed"), "{error}");
}

#[tokio::test]
async fn a_footer_is_fetched_once_for_all_parts_of_a_file() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("id", "bigint")], &[]).await;
    lake.put_parquet("t/1.parquet", &record_batch!(("id", Int64, [1, 2])).unwrap()).await;
    let (plan, worker) = shipped(&lake, "select id from t where id > 1").await;
    let known = worker.requests().get;
    assert_eq!(worker.run(prepared(plan)).await.unwrap(), ["2"]);
    // The footer was planned with, and its version is in the cache that both share.
    assert_eq!(worker.requests().get - known, 1);
}
