//! Reading ahead changes when bytes are asked for, never what comes out.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, record_batch};
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use futures::StreamExt;

use super::support::{Lake, parquet};
use crate::storage::{ReadAhead, read_ahead};

async fn lake(files: i64, rows: i64) -> Lake {
    let lake = Lake::new().await;
    lake.create_table("t", &[("id", "bigint"), ("g", "bigint")], &[]).await;
    for file in 0..files {
        let ids = Int64Array::from_iter_values(file * rows..(file + 1) * rows);
        let groups = Int64Array::from_iter_values((0..rows).map(|row| row % 7));
        let batch = RecordBatch::try_from_iter([("id", Arc::new(ids) as _), ("g", Arc::new(groups) as _)]).unwrap();
        lake.put(&format!("t/{file:03}.parquet"), parquet(&batch, 1000)).await;
    }
    lake
}

fn shown(plan: &Arc<dyn ExecutionPlan>) -> String {
    displayable(plan.as_ref()).indent(false).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_the_same_however_far_it_reads_ahead() {
    let lake = lake(9, 3000).await;
    let sqls = [
        "select count(*), sum(id), min(id), max(id) from t where id % 2 = 0",
        "select g, count(*), sum(id) from t group by g",
        "select a.id from t a join t b on a.id = b.id where b.g = 3 and a.id % 100 = 10",
        "select id from t order by id desc limit 5",
    ];
    for sql in sqls {
        let query = lake.query();
        let plain = query.session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let expected = query.run(plain).await.unwrap();
        assert!(!expected.is_empty());
        for in_flight in [3, 5, 16, 64] {
            let query = lake.query();
            let plan = query.session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
            let plan = read_ahead(plan, &ReadAhead::default().with_streams(in_flight)).unwrap();
            assert!(shown(&plan).contains("ReadAheadExec: streams="), "{}", shown(&plan));
            assert_eq!(query.run(plan).await.unwrap(), expected, "{sql} {in_flight}");
        }
    }
}

#[tokio::test]
async fn streams_are_bounded_by_number_and_by_memory() {
    let lake = lake(9, 10).await;
    let query = lake.query();
    let streams = |small_files_in_flight, buffer_bytes| {
        let settings = ReadAhead { in_flight: 1, small_files_in_flight, buffer_bytes, eager_bytes: 0 };
        let session = query.session.clone();
        async move {
            let plan =
                session.sql("select sum(id) from t where g > 1").await.unwrap().create_physical_plan().await.unwrap();
            let shown = shown(&read_ahead(plan, &settings).unwrap());
            let (_, after) = shown.split_once("streams=")?;
            after.split(',').next()?.parse::<usize>().ok()
        }
    };
    let mib = 1024 * 1024;
    assert_eq!(streams(5, 100 * mib).await, Some(5));
    assert_eq!(streams(64, 100 * mib).await, Some(9));
    assert_eq!(streams(64, 4 * mib).await, Some(4));
    assert_eq!(streams(64, 1).await, None);
    assert_eq!(streams(2, 100 * mib).await, None);
}

#[tokio::test]
async fn small_scans_begin_with_the_query() {
    let lake = lake(2, 3000).await;
    let sql = "select a.id from t a join t b on a.id = b.id where b.g = 3 and a.id % 100 = 10";
    let query = lake.query();
    let plan = query.session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
    let large = read_ahead(Arc::clone(&plan), &ReadAhead { eager_bytes: 0, ..ReadAhead::default() }).unwrap();
    assert_eq!(shown(&large).matches(", eager").count(), 0, "{}", shown(&large));
    let small = read_ahead(plan, &ReadAhead::default()).unwrap();
    assert_eq!(shown(&small).matches(", eager").count(), 2, "{}", shown(&small));
    let before = query.requests().get;
    // Nobody asks for a row, but both tables are read: two files each.
    let rows = execute_stream(small, query.session.task_ctx()).unwrap();
    for _ in 0..1000 {
        if query.requests().get >= before + 4 {
            drop(rows);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the scans wait to be asked");
}

#[tokio::test]
async fn what_was_read_is_not_asked_for_again() {
    let lake = Lake::that_keeps(8).await;
    lake.create_table("t", &[("id", "bigint")], &[]).await;
    lake.put_parquet("t/1.parquet", &record_batch!(("id", Int64, [1, 2])).unwrap()).await;
    for (gets, last) in [(1, 2), (0, 2), (1, 7)] {
        if last == 7 {
            lake.put_parquet("t/1.parquet", &record_batch!(("id", Int64, [1, 7])).unwrap()).await;
        }
        let query = lake.query();
        let plan = query.plan("select id from t where id > 1").await.unwrap();
        assert_eq!(query.run(plan).await.unwrap(), [last.to_string()]);
        let requests = query.requests();
        assert_eq!(requests.get, gets, "a small file is read whole, with its footer");
        assert!(requests.bytes_remembered > 0);
    }
}

#[tokio::test]
async fn a_limit_reads_no_more_than_it_needs() {
    let lake = lake(20, 100).await;
    let query = lake.query();
    let plan = query.plan("select id from t limit 3").await.unwrap();
    assert!(!shown(&plan).contains("ReadAheadExec"), "{}", shown(&plan));
    assert_eq!(query.report.files_chosen(), 1);
    assert_eq!(query.run(plan).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_rows_stops_the_reading() {
    let lake = lake(40, 20_000).await;
    let query = lake.query();
    let plan = query.plan("select id from t where g <> 3").await.unwrap();
    assert!(shown(&plan).contains("ReadAheadExec"), "{}", shown(&plan));
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut rows = execute_stream(plan, query.session.task_ctx()).unwrap();
    assert!(rows.next().await.unwrap().unwrap().num_rows() > 0);
    assert!(tokio::runtime::Handle::current().metrics().num_alive_tasks() > tasks);
    drop(rows);
    for _ in 0..1000 {
        if tokio::runtime::Handle::current().metrics().num_alive_tasks() <= tasks {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("reading went on after its rows were dropped");
}
