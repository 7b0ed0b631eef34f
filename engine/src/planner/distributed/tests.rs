//! Each trap of cutting a plan, sprung without its remedy and avoided with it. Answers are compared with the same query in one process.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use datafusion::datasource::file_format::csv::CsvFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{Expr, LogicalPlan, col};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner as _};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_distributed::{DistributedExec, DistributedExt, SessionStateBuilderExt};
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::channel::upstream_stages;
use super::cut::{CutSettings, DistributedPlan, distributable, task_urls};
use super::leaf_splits::split_leaf;
use super::single_partition_guard::SinglePartitionGuard;
use super::stage_hints::{HintedPlanner, without_hints};
use super::stage_width::StageWidth;
use crate::coordinator::{COMBINE_ABOVE, RetryPolicy, Run, RunConfig, SchedulerLimits, SpeculationPolicy};
use crate::error::{Error, Result};
use crate::exchange::Source;
use crate::formats::{Compression, TextFormat, TextOptions};
use crate::planner::scalar_subqueries::{self, Evaluate};
use crate::planner::session::options_for_workers;
use crate::planner::sizing::{Choices, Limits, Width};
use crate::protocol::{ExchangeConfig, RunId};
use crate::storage::{ObjectStores, StorageSettings, StoreMeter, exchange_store};
use crate::worker::{InProcessInvoker, Worker, WorkerSettings};

/// The remedies, each of which a test leaves out once.
#[derive(Debug, Clone, Copy)]
struct Remedies {
    guard: bool,
    leaf_splits: bool,
    repair: bool,
    /// Our text source, instead of DataFusion's.
    own_text: bool,
    ship_options: bool,
}

const ALL: Remedies = Remedies { guard: true, leaf_splits: true, repair: true, own_text: true, ship_options: true };

#[tokio::test]
async fn a_window_over_a_single_file_sees_all_its_rows() {
    let lake = Lake::new().await;
    let sql = "SELECT max(s.rn) FROM (SELECT k, row_number() OVER (ORDER BY v) AS rn FROM single) s JOIN other o ON s.k = o.k";
    assert_eq!(lake.distributed(sql, 2, ALL).await.unwrap(), lake.alone(sql).await);
    let without = lake.distributed(sql, 2, Remedies { guard: false, ..ALL }).await.unwrap();
    assert_ne!(without, lake.alone(sql).await, "the guard is no longer needed");
}

#[tokio::test]
async fn a_plan_of_one_partition_is_not_answered_from_parts() {
    let lake = Lake::new().await;
    let sql = "SELECT k % 10 AS g, count(*), sum(v) FROM single GROUP BY g ORDER BY g";
    assert_eq!(lake.distributed(sql, 1, ALL).await.unwrap(), lake.alone(sql).await);
    let limited = "SELECT count(*) FROM (SELECT k FROM single ORDER BY v LIMIT 7) s JOIN other o ON s.k = o.k";
    assert_eq!(lake.distributed(limited, 2, ALL).await.unwrap(), lake.alone(limited).await);
    let without = lake.distributed(limited, 2, Remedies { guard: false, ..ALL }).await.unwrap();
    assert_ne!(without, lake.alone(limited).await, "the guard is no longer needed");
}

#[tokio::test]
async fn declared_order_is_made_again_after_a_shuffle() {
    let lake = Lake::new().await;
    let sql = "SELECT k, sum(v) FROM ordered GROUP BY k ORDER BY k";
    assert_eq!(lake.distributed(sql, 4, ALL).await.unwrap(), lake.alone(sql).await);
    let without = lake.distributed(sql, 4, Remedies { repair: false, ..ALL }).await.unwrap();
    assert_ne!(without, lake.alone(sql).await, "the repair of order is no longer needed");
}

#[tokio::test]
async fn what_a_filter_proves_is_known_beyond_the_shuffle() {
    let lake = Lake::new().await;
    let sql = "SELECT k, g, s, avg(s) OVER (PARTITION BY g, k) AS a, rank() OVER (PARTITION BY g ORDER BY h) AS r \
               FROM (SELECT k, g, h, sum(v) AS s FROM facts WHERE k = 3 GROUP BY k, g, h) ORDER BY g, s, r";
    assert_eq!(lake.distributed(sql, 2, ALL).await.unwrap(), lake.alone(sql).await);
    let error = lake.distributed(sql, 2, Remedies { repair: false, ..ALL }).await.unwrap_err();
    assert!(error.message.contains("ordering"), "{error}");
}

#[tokio::test]
async fn compressed_and_multiline_text_is_never_torn() {
    let lake = Lake::new().await;
    for table in ["gzipped", "quoted"] {
        let sql = format!("SELECT count(*), sum(n), max(t) FROM {table}");
        assert_eq!(lake.distributed(&sql, 2, ALL).await.unwrap(), lake.alone(&sql).await, "{table}");
    }
    // DataFusion is built without compression of its own, so only quoted line feeds can show what its source would do.
    let sql = "SELECT count(*), sum(n), max(t) FROM quoted";
    let without = lake.distributed(sql, 2, Remedies { leaf_splits: false, own_text: false, ..ALL }).await;
    assert!(without.is_err() || without.unwrap() != lake.alone(sql).await, "the remedies are no longer needed");
}

#[tokio::test]
async fn tables_smaller_than_the_stage_and_ordered_scans_can_be_dealt_out() {
    let lake = Lake::new().await;
    for sql in ["SELECT count(*), sum(v) FROM tiny", "SELECT k, v FROM ordered ORDER BY k, v LIMIT 5"] {
        assert_eq!(lake.distributed(sql, 3, ALL).await.unwrap(), lake.alone(sql).await, "{sql}");
    }
}

#[tokio::test]
async fn workers_run_with_the_options_of_the_session() {
    let lake = Lake::new().await;
    let sql = "SELECT min(date_part('hour', to_timestamp(v))), count(*) FROM facts";
    let with = lake.distributed(sql, 2, ALL).await.unwrap();
    assert_eq!(with, lake.alone(sql).await);
    // Unoptimised builds of DataFusion assert where optimised ones answer in another time zone.
    let without = lake.distributed(sql, 2, Remedies { ship_options: false, ..ALL }).await;
    assert!(without.is_err() || without.unwrap() != lake.alone(sql).await, "options need no longer be shipped");
}

#[tokio::test]
async fn a_scalar_subquery_of_several_rows_is_an_error_only_when_it_is_evaluated_first() {
    let lake = Lake::new().await;
    let sql = "SELECT count(*) FROM facts WHERE v < (SELECT k FROM tiny)";
    let ctx = lake.tables(builder(2, ALL).build(), true).await;
    let logical = ctx.state().create_logical_plan(sql).await.unwrap();
    let error = Error::from(scalar_subqueries::evaluate(logical, &ctx.state()).await.unwrap_err());
    assert!(error.message.contains("more than one row (3)"), "{error}");
    let without = lake.distributed(sql, 2, ALL).await;
    assert!(without.is_ok(), "evaluating subqueries first is no longer needed: {without:?}");
}

#[tokio::test]
async fn a_stage_that_reads_stages_is_as_wide_as_what_it_receives() {
    const PER_TASK: u64 = 2 * 1024 * 1024;
    let lake = Lake::new().await;
    let cut = CutSettings {
        width: Width::Tasks(vec![9]),
        received: Width::BytesPerTask(PER_TASK),
        limits: Limits { max_tasks: 9, in_flight: 9 },
        merge_groups: 0,
        broadcast_bytes: Some(0),
    };
    let state = SessionStateBuilder::new().with_config(config(2)).with_default_features();
    let ctx = lake.tables(distributable(state, &cut).unwrap().build(), true).await;
    let state = ctx.state();
    for (sql, narrow) in
        [("SELECT v, count(*) FROM single GROUP BY v", false), ("SELECT v, count(*) FROM tiny GROUP BY v", true)]
    {
        let logical = state.create_logical_plan(sql).await.unwrap();
        let whole = state.create_physical_plan(&logical).await.unwrap();
        let plan = DistributedPlan::try_from_plan(&whole, &state).unwrap().unwrap();
        if narrow {
            assert_eq!(plan.stages().len(), 1, "{sql}: {:?}", plan.stages());
            continue;
        }
        let [scan, merge] = plan.stages() else { panic!("{sql}: {:?}", plan.stages()) };
        assert!(scan.received == 0 && merge.received > 0, "{sql}: {merge:?}");
        assert_eq!(merge.tasks as u64, merge.received.div_ceil(PER_TASK), "{sql}: {}", merge.line());
        assert!(merge.tasks < 9, "{sql}: {}", merge.line());
        assert!(!format!("{:?}", plan.root).contains("StageHintExec"), "hints do not run");
    }
}

/// Subqueries as DataFusion runs them alone.
#[async_trait]
impl Evaluate for SessionState {
    async fn value(&self, subquery: LogicalPlan) -> datafusion::error::Result<Expr> {
        let state = SessionStateBuilder::new_with_default_features().build();
        let plan = DefaultPhysicalPlanner::default().create_physical_plan(&self.optimize(&subquery)?, self).await?;
        let rows = datafusion::physical_plan::collect(plan, state.task_ctx()).await?;
        scalar_subqueries::value_of(&rows, &subquery)
    }
}

/// Tables of the traps in a temporary folder.
struct Lake {
    dir: TempDir,
}

impl Lake {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let rows = 400_000i64;
        let int = |f: fn(i64) -> i64| -> ArrayRef { Arc::new(Int64Array::from_iter_values((0..rows).map(f))) };
        write(
            &at("single/a.parquet"),
            &[("k", int(|i| i)), ("v", int(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15u64 as i64) >> 1))],
        );
        for part in 0..4 {
            let keys = (0..5_000).map(|i| i * 10 + part);
            let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(keys));
            write(&at(&format!("other/{part}.parquet")), &[("k", Arc::clone(&keys)), ("w", keys)]);
        }
        for part in 0..4i64 {
            let keys = (0..400_000).map(|i| i / 8 * 4 + part);
            let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(keys));
            let values: ArrayRef =
                Arc::new(Int64Array::from_iter_values((0..400_000).map(|i: i64| i.wrapping_mul(7919) % 10_007)));
            write(&at(&format!("ordered/{part}.parquet")), &[("k", keys), ("v", values)]);
        }
        for part in 0..3 {
            let columns: [(&str, ArrayRef); 4] =
                [("k", int(|i| i % 5)), ("g", int(|i| i % 7)), ("h", int(|i| i % 11)), ("v", int(|i| i))];
            write(&at(&format!("facts/{part}.parquet")), &columns);
        }
        let tiny: ArrayRef = Arc::new(Int64Array::from(vec![0, 3_600, 7_200]));
        write(&at("tiny/a.parquet"), &[("k", Arc::clone(&tiny)), ("v", tiny)]);
        write_text(&at("gzipped/a.csv.gz"), true);
        write_text(&at("quoted/a.csv"), false);
        Self { dir }
    }

    /// The answer of plain DataFusion.
    async fn alone(&self, sql: &str) -> String {
        let state = SessionStateBuilder::new().with_config(config(2)).with_default_features().build();
        let ctx = self.tables(state, true).await;
        let batches = ctx.sql(sql).await.unwrap().collect().await.unwrap();
        pretty_format_batches(&batches).unwrap().to_string()
    }

    /// The answer over five tasks a stage, each in a session of its own.
    async fn distributed(&self, sql: &str, partitions: usize, remedies: Remedies) -> Result<String> {
        let state = builder(partitions, remedies).build();
        let ctx = self.tables(state, remedies.own_text).await;
        let state = ctx.state();
        let logical = state.create_logical_plan(sql).await?;
        let whole = state.create_physical_plan(&logical).await?;
        let plan = match remedies.repair {
            true => DistributedPlan::try_from_plan(&whole, &state)?,
            false => DistributedPlan::unrepaired(&whole),
        };
        let Some(plan) = plan else {
            let batches = datafusion::physical_plan::collect(whole, state.task_ctx()).await?;
            return Ok(pretty_format_batches(&batches)?.to_string());
        };
        let (run, source) = self.start(&state, plan.head_inputs().clone(), remedies);
        let batches: Vec<RecordBatch> = plan.execute(&state, run, source)?.try_collect().await?;
        Ok(pretty_format_batches(&batches)?.to_string())
    }

    fn start(&self, state: &SessionState, head_inputs: BTreeSet<u32>, remedies: Remedies) -> (Run, Source) {
        self.start_combining(state, head_inputs, remedies, COMBINE_ABOVE)
    }

    fn start_combining(
        &self,
        state: &SessionState,
        head_inputs: BTreeSet<u32>,
        remedies: Remedies,
        combine_above: u64,
    ) -> (Run, Source) {
        let stores = Arc::new(ObjectStores::new(StorageSettings::default()));
        let exchange = ExchangeConfig { url: format!("file://{}/exchange/", self.dir.path().display()) };
        let url = exchange.url.parse().unwrap();
        let store = exchange_store(&stores, &url, Arc::new(StoreMeter::default())).unwrap();
        let worker = Worker::try_with_stores(WorkerSettings::default(), stores).unwrap();
        let run = RunId(uuid::Uuid::new_v4());
        let config = RunConfig {
            query_id: "test".to_owned(),
            run,
            invoker: Arc::new(InProcessInvoker::new(worker)),
            exchange: Some(exchange.clone()),
            exchange_store: Some(Arc::clone(&store)),
            limits: SchedulerLimits {
                max_in_flight: 8,
                retry: RetryPolicy { max_attempts: 1, ..RetryPolicy::default() },
                speculation: SpeculationPolicy::default(),
            },
            options: if remedies.ship_options { options_for_workers(state) } else { Vec::new() },
            head_inputs,
            inline_limit_head: 1024,
            inline_limit_stage: 1024,
            task_timeout: std::time::Duration::from_secs(120),
            max_bytes_scanned: None,
            combine_above,
            seed: 1,
        };
        let run_handle = Run::start(config, &CancellationToken::new());
        let memory = &state.runtime_env().memory_pool;
        (run_handle, Source::new(run, Some((exchange, store)), memory))
    }

    async fn tables(&self, state: SessionState, own_text: bool) -> SessionContext {
        let ctx = SessionContext::new_with_state(state);
        for name in ["single", "other", "facts", "tiny"] {
            self.parquet(&ctx, name, false).await;
        }
        self.parquet(&ctx, "ordered", true).await;
        if !own_text {
            let multiline = CsvFormat::default().with_has_header(true).with_newlines_in_values(true);
            let options = ListingOptions::new(Arc::new(multiline)).with_file_extension("");
            let columns = [Field::new("n", DataType::Int64, true), Field::new("t", DataType::Utf8, true)];
            let config = ListingTableConfig::new(self.url("quoted")).with_listing_options(options);
            let config = config.with_schema(Arc::new(Schema::new(columns.to_vec())));
            ctx.register_table("quoted", Arc::new(ListingTable::try_new(config).unwrap())).unwrap();
            return ctx;
        }
        let text = TextOptions { header_lines: 1, ..TextOptions::for_path("a.csv") };
        let gzip = TextOptions { compression: Compression::Gzip, ..text.clone() };
        let multiline = TextOptions { multiline: true, ..text };
        self.text(&ctx, "gzipped", gzip).await;
        self.text(&ctx, "quoted", multiline).await;
        ctx
    }

    async fn parquet(&self, ctx: &SessionContext, name: &str, ordered: bool) {
        let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
        let options =
            if ordered { options.with_file_sort_order(vec![vec![col("k").sort(true, false)]]) } else { options };
        self.table(ctx, name, options).await;
    }

    async fn text(&self, ctx: &SessionContext, name: &str, options: TextOptions) {
        self.table(ctx, name, ListingOptions::new(Arc::new(TextFormat::new(options))).with_file_extension("")).await;
    }

    fn url(&self, name: &str) -> ListingTableUrl {
        ListingTableUrl::parse(format!("{}/", self.dir.path().join(name).display())).unwrap()
    }

    async fn table(&self, ctx: &SessionContext, name: &str, options: ListingOptions) {
        let config = ListingTableConfig::new(self.url(name)).with_listing_options(options);
        let config = config.infer_schema(&ctx.state()).await.unwrap();
        ctx.register_table(name, Arc::new(ListingTable::try_new(config).unwrap())).unwrap();
    }
}

fn config(partitions: usize) -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(partitions);
    // Files that the planner leaves whole are those that a stage then cuts.
    config.options_mut().optimizer.repartition_file_min_size = 64 * 1024 * 1024;
    config.options_mut().execution.time_zone = Some("America/New_York".to_owned());
    config
}

fn builder(partitions: usize, remedies: Remedies) -> SessionStateBuilder {
    let (width, received) = (Width::Tasks(vec![5]), Width::Tasks(vec![5]));
    let cut = CutSettings {
        width,
        received,
        limits: Limits { max_tasks: 5, in_flight: 8 },
        merge_groups: 0,
        broadcast_bytes: None,
    };
    let mut builder = SessionStateBuilder::new()
        .with_config(config(partitions))
        .with_default_features()
        .with_query_planner(Arc::new(HintedPlanner::new(cut.clone())))
        .with_distributed_planner()
        .with_distributed_user_codec(super::codec::ArachneCodec)
        .with_distributed_max_tasks_per_stage(5)
        .unwrap()
        .with_distributed_metrics_collection(false)
        .unwrap()
        .with_distributed_route_tasks_handler(task_urls);
    if remedies.leaf_splits {
        builder = builder.with_distributed_scale_up_leaf_node_handler(split_leaf);
    }
    if remedies.guard {
        builder = builder.with_distributed_desired_task_count_handler(SinglePartitionGuard(Choices::default()));
    }
    builder.with_distributed_desired_task_count_handler(StageWidth::new(cut, Choices::default()))
}

impl DistributedPlan {
    /// As the library cut it.
    fn unrepaired(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        plan.downcast_ref::<DistributedExec>()?;
        let base = without_hints(Arc::clone(plan.children()[0])).unwrap();
        let head_inputs = upstream_stages(&base).unwrap();
        Some(Self { root: Arc::new(DistributedExec::new(base)), head_inputs, stages: Vec::new() })
    }
}

fn write(path: &Path, columns: &[(&str, ArrayRef)]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch = RecordBatch::try_from_iter(columns.iter().cloned()).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(20_000)).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Rows of which some hold quoted line feeds, or all are compressed; large enough to be worth cutting.
fn write_text(path: &Path, gzip: bool) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut text = String::from("n,t\n");
    for n in 0..150_000i64 {
        let value = if gzip {
            format!("text-{:016x}", (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
        } else {
            format!("\"a\n{n},b\n\"")
        };
        text.push_str(&format!("{n},{value}\n"));
    }
    if !gzip {
        return std::fs::write(path, text).unwrap();
    }
    let bytes = futures::executor::block_on(async {
        use tokio::io::AsyncWriteExt;
        let mut encoder = async_compression::tokio::write::GzipEncoder::new(Vec::new());
        encoder.write_all(text.as_bytes()).await.unwrap();
        encoder.shutdown().await.unwrap();
        encoder.into_inner()
    });
    std::fs::write(path, bytes).unwrap();
}

/// An output of strings must not carry every buffer that its views were cut from.
#[tokio::test]
async fn shuffled_strings_are_written_once() {
    let lake = Lake::new().await;
    let text: ArrayRef =
        Arc::new(StringArray::from_iter_values((0..20_000).map(|i| format!("a string of some length {i}"))));
    for part in 0..2 {
        write(&lake.dir.path().join(format!("single/text-{part}.parquet")), &[("k", Arc::clone(&text))]);
    }
    let sql = "SELECT count(*) FROM (SELECT t FROM texts GROUP BY t)";
    let state = builder(4, ALL).build();
    let ctx = SessionContext::new_with_state(state);
    std::fs::create_dir_all(lake.dir.path().join("texts")).unwrap();
    for part in 0..2 {
        let from = lake.dir.path().join(format!("single/text-{part}.parquet"));
        std::fs::rename(from, lake.dir.path().join(format!("texts/{part}.parquet"))).unwrap();
    }
    lake.parquet(&ctx, "texts", false).await;
    let state = ctx.state();
    let logical = state.create_logical_plan(&sql.replace("t FROM", "k AS t FROM")).await.unwrap();
    let plan = state.create_physical_plan(&logical).await.unwrap();
    let plan = DistributedPlan::try_from_plan(&plan, &state).unwrap().unwrap();
    let (run, source) = lake.start(&state, plan.head_inputs().clone(), ALL);
    let observer = run.observer();
    let batches: Vec<RecordBatch> = plan.execute(&state, run, source).unwrap().try_collect().await.unwrap();
    assert_eq!(batches[0].column(0).as_ref(), &Int64Array::from(vec![20_000]) as &dyn arrow::array::Array);
    let written: u64 = observer.stages().iter().map(|stage| stage.requests.bytes_written).sum();
    let strings = text.get_array_memory_size() as u64 * 2;
    assert!(written < 2 * strings, "{written} bytes written for {strings} bytes of strings");
}

/// Five producers to five consumers, through three tasks in between.
#[tokio::test]
async fn a_wide_shuffle_is_combined_and_gives_the_same_rows() {
    let lake = Lake::new().await;
    let ctx = lake.tables(builder(2, ALL).build(), true).await;
    let sql = "SELECT v % 1000 AS g, count(*) AS n, sum(v) AS s, min(k) AS least FROM facts GROUP BY 1 ORDER BY 1";
    let state = ctx.state();
    let logical = state.create_logical_plan(sql).await.unwrap();
    let plan = state.create_physical_plan(&logical).await.unwrap();
    let plan = DistributedPlan::try_from_plan(&plan, &state).unwrap().unwrap();
    let mut answers = Vec::new();
    for combine_above in [u64::MAX, 8] {
        let plan = plan.clone();
        let (run, source) = lake.start_combining(&state, plan.head_inputs().clone(), ALL, combine_above);
        let observer = run.observer();
        let batches: Vec<RecordBatch> = plan.execute(&state, run, source).unwrap().try_collect().await.unwrap();
        answers.push(pretty_format_batches(&batches).unwrap().to_string());
        let stages = observer.stages();
        let combining: Vec<_> = stages.iter().filter(|stage| stage.combines.is_some()).collect();
        assert_eq!(combining.len(), usize::from(combine_above == 8), "{stages:?}");
        for stage in combining {
            let combined = stages.iter().find(|combined| Some(combined.stage) == stage.combines).unwrap();
            // A group of one is read as it is.
            assert_eq!((combined.tasks, stage.tasks, stage.attempts), (5, 3, 2));
            assert!(stage.rows > 0 && stage.rows < combined.rows, "{stage:?}");
            assert_eq!(stage.tasks_detail.iter().map(|task| task.rows_in).sum::<u64>(), stage.rows);
        }
    }
    assert!(answers[0].lines().count() > 1000, "{}", answers[0]);
    assert_eq!(answers[0], answers[1]);
}
