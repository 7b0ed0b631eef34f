//! Filters that joins make leave out nothing of an answer. Each test shows that DataFusion's own rules do: should that part of one fail,
//! DataFusion has mended it, and what `planner::handed_down_filters` does for it can go.

use std::sync::Arc;

use arachne_catalog::{Catalog, NullOrder, SortColumn, SortDirection};
use arrow::array::{Int64Array, RecordBatch, record_batch};
use datafusion::execution::SessionStateBuilder;
use datafusion::physical_plan::{ExecutionPlan, displayable};

use super::support::{Lake, Query, parquet};
use crate::planner::handed_down_filters::physical_optimizer_rules;

/// `many (id, next)`: each number below 100 and the one after it, in files sorted by `id` with a row in each row group; `few (few_id)`.
async fn lake(few: i64) -> Lake {
    let lake = Lake::new().await;
    let mut many = lake.create_table("many", &[("id", "bigint"), ("next", "bigint")], &[]).await;
    many.storage.sort_columns =
        vec![SortColumn { column: "id".to_owned(), direction: SortDirection::Ascending, nulls: NullOrder::Last }];
    lake.catalog.update_table(many).await.unwrap();
    let numbers = |first| Arc::new(Int64Array::from_iter_values(first..first + 100)) as _;
    let rows = RecordBatch::try_from_iter([("id", numbers(0)), ("next", numbers(1))]).unwrap();
    lake.put("many/1.parquet", parquet(&rows, 1)).await;
    lake.create_table("few", &[("few_id", "bigint")], &[]).await;
    lake.put_parquet("few/1.parquet", &record_batch!(("few_id", Int64, [few])).unwrap()).await;
    lake
}

async fn plan(query: &Query, sql: &str) -> Arc<dyn ExecutionPlan> {
    let rules = physical_optimizer_rules();
    let state =
        SessionStateBuilder::new_from_existing(query.session.state()).with_physical_optimizer_rules(rules).build();
    let logical = state.create_logical_plan(sql).await.unwrap();
    state.create_physical_plan(&logical).await.unwrap()
}

async fn rows(lake: &Lake, sql: &str) -> Vec<String> {
    let query = lake.query();
    query.run(plan(&query, sql).await).await.unwrap()
}

#[tokio::test]
async fn of_another_column_of_the_same_name() {
    let lake = lake(5).await;
    let sql = "select a.id, b.id, c.id from many a join many b on a.next = b.id join many c on b.next = c.id
               join few on few_id = b.id";
    assert_eq!(rows(&lake, sql).await, ["4|5|6"]);
    assert_eq!(lake.rows(sql).await.unwrap(), [""; 0], "without the rule");
}

#[tokio::test]
async fn before_a_limit() {
    let lake = lake(50).await;
    lake.create_table("other", &[("k", "bigint"), ("w", "bigint")], &[]).await;
    let numbers = || Arc::new(Int64Array::from_iter_values(0..100)) as _;
    lake.put_parquet("other/1.parquet", &RecordBatch::try_from_iter([("k", numbers()), ("w", numbers())]).unwrap())
        .await;
    let sql = "select id, w from few
               join (select many.id, other.w from other join many on many.next = other.k order by many.id limit 10) t
               on few_id = t.id";
    assert_eq!(rows(&lake, sql).await, [""; 0]);
    assert_eq!(lake.rows(sql).await.unwrap(), ["50|51"], "without the rule");
}

#[tokio::test]
async fn and_still_spare_what_is_not_asked_for() {
    let lake = lake(50).await;
    let query = lake.query();
    let plan = plan(&query, "select next from few join many on few_id = id").await;
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    assert!(shown.contains("DynamicFilter"), "{shown}");
    assert_eq!(query.run(plan).await.unwrap(), ["51"]);
}
