//! Filters that operators make while they run spare work, and leave out nothing of an answer. Some tests show that DataFusion's own rules
//! do: should that part of one fail, DataFusion has mended it, and what `planner::handed_down_filters` or `join_filters` does for it can go.

use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::{Catalog, NullOrder, SortColumn, SortDirection};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, record_batch};
use datafusion::execution::SessionStateBuilder;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::{ExecutionPlan, displayable};

use super::support::{Lake, Query, parquet};
use crate::planner::join_filters::RowFilterExec;

fn numbers(first: i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(first..first + 100))
}

/// `many (id, next)`: each number below 100 and the one after it, in files sorted by `id` with a row in each row group; `few (few_id)`;
/// `other (k, w)`: each number below 100, twice, in one row group.
async fn lake(few: i64) -> Lake {
    let lake = Lake::new().await;
    let mut many = lake.create_table("many", &[("id", "bigint"), ("next", "bigint")], &[]).await;
    many.storage.sort_columns =
        vec![SortColumn { column: "id".to_owned(), direction: SortDirection::Ascending, nulls: NullOrder::Last }];
    lake.catalog.update_table(many).await.unwrap();
    let rows = RecordBatch::try_from_iter([("id", numbers(0)), ("next", numbers(1))]).unwrap();
    lake.put("many/1.parquet", parquet(&rows, 1)).await;
    lake.create_table("few", &[("few_id", "bigint")], &[]).await;
    lake.put_parquet("few/1.parquet", &record_batch!(("few_id", Int64, [few])).unwrap()).await;
    lake.create_table("other", &[("k", "bigint"), ("w", "bigint")], &[]).await;
    lake.put_parquet("other/1.parquet", &RecordBatch::try_from_iter([("k", numbers(0)), ("w", numbers(0))]).unwrap())
        .await;
    lake
}

/// What DataFusion's own rules, filters of joins by name among them, make of a query.
async fn rows_by_its_own_rules(lake: &Lake, sql: &str) -> Vec<String> {
    let query = lake.query();
    let state = SessionStateBuilder::new_from_existing(query.session.state())
        .with_physical_optimizer_rules(PhysicalOptimizer::new().rules)
        .build();
    let logical = state.create_logical_plan(sql).await.unwrap();
    query.run(state.create_physical_plan(&logical).await.unwrap()).await.unwrap()
}

/// A query's rows, and how many rows were left in each place where a join's filter left some out.
async fn rows_and_passed(query: &Query, sql: &str) -> (Vec<String>, Vec<usize>) {
    let plan = query.plan(sql).await.unwrap();
    let rows = query.run(Arc::clone(&plan)).await.unwrap();
    let mut passed = Vec::new();
    note_passed(&plan, &mut passed);
    (rows, passed)
}

fn note_passed(plan: &Arc<dyn ExecutionPlan>, passed: &mut Vec<usize>) {
    if plan.is::<RowFilterExec>() {
        passed.extend(plan.metrics().unwrap().output_rows());
    }
    plan.children().into_iter().for_each(|child| note_passed(child, passed));
}

#[tokio::test]
async fn of_another_column_of_the_same_name() {
    let lake = lake(5).await;
    let sql = "select a.id, b.id, c.id from many a join many b on a.next = b.id join many c on b.next = c.id
               join few on few_id = b.id";
    assert_eq!(lake.rows(sql).await.unwrap(), ["4|5|6"]);
    assert_eq!(rows_by_its_own_rules(&lake, sql).await, [""; 0]);
}

#[tokio::test]
async fn before_a_limit() {
    let lake = lake(50).await;
    let sql = "select id, w from few
               join (select many.id, other.w from other join many on many.next = other.k order by many.id limit 10) t
               on few_id = t.id";
    assert_eq!(lake.rows(sql).await.unwrap(), [""; 0]);
    assert_eq!(rows_by_its_own_rules(&lake, sql).await, ["50|51"]);
}

#[tokio::test]
async fn row_groups_are_not_asked_for() {
    let lake = lake(50).await;
    let query = lake.query();
    let plan = query.plan("select next from few join many on few_id = id").await.unwrap();
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    assert!(shown.contains("DynamicFilter"), "{shown}");
    assert_eq!(query.run(plan).await.unwrap(), ["51"]);
}

#[tokio::test]
async fn rows_are_left_out_before_they_are_grouped() {
    let lake = lake(50).await;
    for sql in [
        "select k, n from few join (select k, count(*) n from other group by k) on few_id = k",
        "select k, n from few join (select k, count(*) n from other where w >= 0 group by k) on few_id = k",
        "select k2, n from few join (select k as k2, w as k, count(*) n from other group by k, w) on few_id = k2",
    ] {
        let (rows, passed) = rows_and_passed(&lake.query(), sql).await;
        assert_eq!((rows, passed), (vec!["50|1".to_owned()], vec![1]), "{sql}");
    }
}

#[tokio::test]
async fn rows_are_left_out_on_both_sides_of_a_join_below() {
    let lake = lake(50).await;
    let (rows, passed) = rows_and_passed(
        &lake.query(),
        "select k, id from few join (select a.k, b.id from other a join many b on a.w = b.next) on few_id = k",
    )
    .await;
    assert_eq!((rows, passed), (vec!["50|49".to_owned()], vec![1]));
}

#[tokio::test]
async fn a_group_that_is_computed_is_not_its_column() {
    let lake = lake(5).await;
    let sql = "select k, n from few join (select k / 10 as k, count(*) n from other group by k / 10) on few_id = k";
    assert_eq!(rows_and_passed(&lake.query(), sql).await, (vec!["5|10".to_owned()], vec![]));
    let sql = "select k, n from few
               join (select cast(cast(k as double) / 10 as int) as k, count(*) n from other group by 1) on few_id = k";
    assert_eq!(rows_and_passed(&lake.query(), sql).await.1, [0; 0]);
}

#[tokio::test]
async fn keys_that_are_computed_have_no_filters() {
    let lake = lake(50).await;
    let sql = "select k, n from few join (select k, count(*) n from other group by k) on few_id = k + 10";
    assert_eq!(rows_and_passed(&lake.query(), sql).await, (vec!["40|1".to_owned()], vec![]));
}

#[tokio::test]
async fn rows_before_a_limit_stay() {
    let lake = lake(50).await;
    let sql = "select k, n from few
               join (select k, count(*) n from (select k from other order by k limit 10) group by k) on few_id = k";
    assert_eq!(rows_and_passed(&lake.query(), sql).await, (vec![], vec![]));
}

#[tokio::test]
async fn rows_for_a_later_round_stay() {
    let lake = lake(0).await;
    let sql = "with recursive walk(at) as (
                   select few_id from few
                   union all
                   select g.next from walk join (select id, max(next) as next from many group by id) g on g.id = walk.at
                   where g.next < 5)
               select at from walk";
    assert_eq!(lake.rows(sql).await.unwrap(), ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn nulls_that_are_alike_stay() {
    let lake = lake(50).await;
    lake.create_table("holes", &[("h", "bigint")], &[]).await;
    lake.put_parquet("holes/1.parquet", &record_batch!(("h", Int64, [None, Some(50), Some(51)])).unwrap()).await;
    lake.create_table("hole", &[("h", "bigint")], &[]).await;
    lake.put_parquet("hole/1.parquet", &record_batch!(("h", Int64, [None, Some(50)])).unwrap()).await;
    let sql = "select h from hole intersect (select h from holes group by h)";
    assert_eq!(lake.rows(sql).await.unwrap(), ["50", "NULL"]);
    let sql = "select g.h, n from hole
               join (select h, count(*) n from holes group by h) g on g.h is not distinct from hole.h";
    assert_eq!(lake.rows(sql).await.unwrap(), ["50|1", "NULL|1"]);
    assert_eq!(lake.rows("select few_id from few where few_id not in (select h from holes)").await.unwrap(), [""; 0]);
    let sql = "select few_id from few where few_id not in (select h from holes where h is null group by h)";
    assert_eq!(lake.rows(sql).await.unwrap(), [""; 0]);
    let sql = "select h from hole where h not in (select h from holes where h > 50 group by h)";
    assert_eq!(lake.rows(sql).await.unwrap(), ["50"]);
}

#[tokio::test]
async fn what_the_join_holds_for_equal_stays() {
    let lake = lake(50).await;
    lake.create_table("zero", &[("d", "double")], &[]).await;
    lake.put_parquet("zero/1.parquet", &record_batch!(("d", Float64, [0.0])).unwrap()).await;
    lake.create_table("zeros", &[("d", "double")], &[]).await;
    lake.put_parquet("zeros/1.parquet", &record_batch!(("d", Float64, [0.0, -0.0, 1.0])).unwrap()).await;
    let sql = "select n from zero join (select d, count(*) n from zeros group by d) g on zero.d = g.d";
    assert_eq!(lake.rows(sql).await.unwrap(), ["2"]);
    let sql = "select cardinality(g.a) from (select array_agg(few_id) a from few group by few_id) f
               join (select array_agg(k) a, k from other group by k) g on f.a = g.a";
    assert_eq!(lake.rows(sql).await.unwrap(), ["1"]);
}

/// A partitioned join with keys in one partition only, over one that collects its build side, over rows that are dealt out.
#[tokio::test]
async fn no_partition_waits_for_one_that_is_not_read() {
    let lake = Lake::new().await;
    let dims: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
    lake.create_table("dims", &[("id", "bigint")], &[]).await;
    lake.put_parquet("dims/1.parquet", &RecordBatch::try_from_iter([("id", dims)]).unwrap()).await;
    for table in ["fact", "other"] {
        lake.create_table(table, &[("k", "bigint"), ("w", "bigint")], &[]).await;
        for file in 0..2 {
            let w: ArrayRef = Arc::new(Int64Array::from_iter_values((0..100).map(|row| row % 10)));
            let rows = RecordBatch::try_from_iter([("k", numbers(file * 100)), ("w", w)]).unwrap();
            lake.put_parquet(&format!("{table}/{file}.parquet"), &rows).await;
        }
    }
    let query = lake.query();
    for setting in [
        "hash_join_single_partition_threshold = 200",
        "hash_join_single_partition_threshold_rows = 20",
        "join_reordering = false",
    ] {
        query.session.sql(&format!("set datafusion.optimizer.{setting}")).await.unwrap();
    }
    let sql = "select count(*) from (select k from fact group by k having max(k) < 1) one
               join (select f.k from dims join (select fact.k, fact.w from other join fact on other.k = fact.k) f on dims.id = f.w) d
               on one.k = d.k";
    let plan = query.plan(sql).await.unwrap();
    let shown = displayable(plan.as_ref()).indent(false).to_string();
    let joins: Vec<_> = shown.lines().filter_map(|line| line.trim().strip_prefix("HashJoinExec: mode=")).collect();
    let modes: Vec<_> = joins.iter().map(|join| join.split(',').next().unwrap()).collect();
    assert_eq!(modes, ["Partitioned", "CollectLeft", "Partitioned"], "{shown}");
    let rows = tokio::time::timeout(Duration::from_secs(60), query.run(plan)).await;
    assert_eq!(rows.expect("it waits for ever").unwrap(), ["1"]);
}

#[tokio::test]
async fn outer_joins_keep_their_rows() {
    let lake = lake(50).await;
    let counts = "(select k, count(*) n from other where k between 49 and 50 group by k)";
    for (join, rows) in
        [("left join", &["50|50"][..]), ("right join", &["50|50", "NULL|49"]), ("full join", &["50|50", "NULL|49"])]
    {
        let sql = format!("select few_id, k from few {join} {counts} on few_id = k");
        assert_eq!(lake.rows(&sql).await.unwrap(), rows, "{sql}");
        let sql = format!(
            "select few_id, k, id from few join (select k, id from {counts} {join} many on k = next) on few_id = k"
        );
        assert_eq!(lake.rows(&sql).await.unwrap(), ["50|50|49"], "{sql}");
    }
}

#[tokio::test]
async fn rows_are_dealt_out_as_the_keys_were() {
    let lake = lake(50).await;
    let query = lake.query();
    for threshold in ["hash_join_single_partition_threshold", "hash_join_single_partition_threshold_rows"] {
        query.session.sql(&format!("set datafusion.optimizer.{threshold} = 0")).await.unwrap();
    }
    let sql = "select id, n from many join (select k, count(*) n from other group by k) on id = k where next % 7 = 0";
    let (rows, passed) = rows_and_passed(&query, sql).await;
    assert_eq!(rows.len(), 14);
    assert_eq!(passed, [14]);
    let shown = displayable(query.plan(sql).await.unwrap().as_ref()).indent(false).to_string();
    assert!(shown.contains("mode=Partitioned"), "{shown}");
}

#[tokio::test]
async fn an_aggregate_keeps_the_rows_that_another_has_no_use_for() {
    let lake = Lake::new().await;
    lake.create_table("t", &[("a", "bigint"), ("b", "bigint")], &[]).await;
    let file = |a: i64, b: Option<i64>| record_batch!(("a", Int64, [a]), ("b", Int64, [b])).unwrap();
    // Two partitions of four files: the first of each has the largest `a` and no `b`, the last the smallest `b`.
    for (number, (a, b)) in
        [(9, None), (1, Some(7)), (1, Some(7)), (1, Some(3))].into_iter().cycle().take(8).enumerate()
    {
        lake.put_parquet(&format!("t/{number}.parquet"), &file(a, b)).await;
    }
    let sql = "select max(a), min(b + 0) from t";
    assert_eq!(lake.rows(sql).await.unwrap(), ["9|3"]);
    assert_eq!(lake.rows("select max(a), min(b) from t where a % 100 <> 50").await.unwrap(), ["9|3"]);
    assert_ne!(rows_by_its_own_rules(&lake, sql).await, ["9|3"], "DataFusion has mended it");
}
