//! What fanning out costs by itself: the same small one-stage query, warm, in this process and over the local Lambda.
//!
//! Where the time goes: *plan* is the coordinator's, from SQL to stages; *worker* is the slowest task as the worker measures it (decode,
//! read, execute, encode); *lambda* is what the invocation took beyond that (the service, the Runtime API, JSON both ways); *rest* is what
//! is left of the execution (SDK, scheduling, merging, handing out the rows).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arachne_engine::query::{QueryRequest, QueryService, QueryStats};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::data;
use crate::local_cloud::BUCKET;
use crate::output::say;
use crate::stage::{self, Stage};
use crate::summary::Summary;

const QUERY: &str = "SELECT l_returnflag, l_linestatus, count(*), sum(l_quantity), sum(l_extendedprice * (1 - l_discount)) \
    FROM lineitem GROUP BY l_returnflag, l_linestatus";
/// Filling caches, starting worker processes, opening connections.
const WARM_UP: usize = 5;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Measured runs of each
    #[arg(long, default_value_t = 41)]
    runs: usize,
    /// TPC-H scale of the table (0.01 is 60,000 rows)
    #[arg(long, default_value_t = 0.01)]
    scale: f64,
    /// Numbers of tasks to compare
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4])]
    tasks: Vec<usize>,
}

/// One row of the result.
#[derive(Debug, Serialize)]
struct Line {
    compute: String,
    total: Summary,
    plan: Summary,
    execution: Summary,
    /// Of distributed runs.
    worker: Option<Summary>,
    lambda: Option<Summary>,
    rest: Option<Summary>,
    /// Median above embedded, in milliseconds.
    above_embedded: f64,
    stages: usize,
    s3_gets: u64,
}

/// One measured run.
struct Run {
    stats: QueryStats,
    /// The longest invocation, as the local Lambda saw it.
    invocation: Option<Duration>,
}

/// A way to run the query.
struct Contender {
    name: String,
    service: QueryService,
    settings: Vec<(String, String)>,
    runs: Vec<Run>,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    ensure!(options.runs > 0, "at least one run is needed");
    let most = options.tasks.iter().copied().max().unwrap_or(1);
    let stage = Stage::set_up(most.max(4)).await?;
    let files = i32::try_from(most)?;
    let bytes = data::put_lineitem(stage.bucket()?.as_ref(), "lineitem", options.scale, files).await?;

    let mut contenders = vec![Contender::new("embedded", stage.embedded()?, Vec::new())];
    let lambda = stage.lambda().await?;
    for tasks in &options.tasks {
        contenders.push(Contender::new(
            &format!("lambda, {tasks} {}", if *tasks == 1 { "task" } else { "tasks" }),
            lambda.clone(),
            over_lambda(*tasks),
        ));
    }
    let ddl = format!(
        "CREATE EXTERNAL TABLE lineitem ({}) STORED AS PARQUET LOCATION 's3://{BUCKET}/lineitem/'",
        data::LINEITEM
    );
    stage::run(&lambda, QueryRequest::new(ddl)).await?;

    // In turns, so that whatever else the machine does falls on all alike.
    for round in 0..WARM_UP + options.runs {
        for contender in &mut contenders {
            let run = contender.measure(&stage).await?;
            if round >= WARM_UP {
                contender.runs.push(run);
            }
        }
    }
    let lines = lines(&contenders)?;
    say(format_args!(
        "one-stage query over {:.1} MiB of Parquet in {files} files, {} runs, warm; medians in ms\n",
        mib(bytes),
        options.runs
    ))?;
    say(table(&lines))?;
    let file = stage::results_dir()?.join("overhead.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&lines)?)?;
    say(format_args!("\nwritten to {}", file.display()))?;
    stage.lambda.shutdown().await;
    stage.s3.shutdown().await;
    Ok(())
}

impl Contender {
    fn new(name: &str, service: QueryService, settings: Vec<(String, String)>) -> Self {
        Self { name: name.into(), service, settings, runs: Vec::new() }
    }

    async fn measure(&self, stage: &Stage) -> Result<Run> {
        let seen = stage.lambda.invocation_log().len();
        let mut request = QueryRequest::new(QUERY);
        request.settings.clone_from(&self.settings);
        let stats = stage::run(&self.service, request).await.with_context(|| self.name.clone())?;
        let expects_workers = !self.settings.is_empty();
        ensure!(stats.distributed == expects_workers, "{} ran elsewhere: {}", self.name, stats.placement);
        let log = stage.lambda.invocation_log();
        Ok(Run { stats, invocation: log.iter().skip(seen).map(|record| record.duration).max() })
    }
}

fn over_lambda(tasks: usize) -> Vec<(String, String)> {
    let settings = [
        ("arachne.compute", "lambda".to_owned()),
        ("arachne.exchange", format!("s3://{BUCKET}/exchange/")),
        ("arachne.local_bytes", "0".to_owned()),
        ("arachne.tasks_per_stage", tasks.to_string()),
    ];
    settings.map(|(name, value)| (name.to_owned(), value)).into()
}

fn lines(contenders: &[Contender]) -> Result<Vec<Line>> {
    let embedded = contenders.first().context("embedded is measured first")?;
    let baseline = embedded.summary(|run| run.stats.total).median;
    contenders.iter().map(|contender| contender.line(baseline)).collect()
}

impl Contender {
    fn summary(&self, of: impl Fn(&Run) -> Duration) -> Summary {
        Summary::of(self.runs.iter().map(of))
    }

    fn line(&self, baseline: f64) -> Result<Line> {
        let last = &self.runs.last().context("a run")?.stats;
        let total = self.summary(|run| run.stats.total);
        let parts = last.distributed.then(|| {
            let invocation = |run: &Run| run.invocation.unwrap_or_default();
            (
                self.summary(slowest_task),
                self.summary(|run| invocation(run).saturating_sub(slowest_task(run))),
                self.summary(|run| run.stats.execution.saturating_sub(invocation(run))),
            )
        });
        Ok(Line {
            compute: self.name.clone(),
            total,
            plan: self.summary(|run| run.stats.planning),
            execution: self.summary(|run| run.stats.execution),
            worker: parts.map(|parts| parts.0),
            lambda: parts.map(|parts| parts.1),
            rest: parts.map(|parts| parts.2),
            above_embedded: total.median - baseline,
            stages: last.stages.len(),
            s3_gets: last.requests.get,
        })
    }
}

fn slowest_task(run: &Run) -> Duration {
    run.stats.stages.iter().map(|stage| stage.slowest_task).sum()
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "compute",
        "total",
        "p90",
        "above embedded",
        "plan",
        "execution",
        "worker",
        "lambda",
        "rest",
        "GETs",
    ]);
    let optional = |summary: Option<Summary>| summary.map_or_else(String::new, |summary| ms(summary.median));
    for line in lines {
        table.add_row([
            line.compute.clone(),
            ms(line.total.median),
            ms(line.total.p90),
            format!("{:+.1}", line.above_embedded),
            ms(line.plan.median),
            ms(line.execution.median),
            optional(line.worker),
            optional(line.lambda),
            optional(line.rest),
            line.s3_gets.to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn ms(value: f64) -> String {
    format!("{value:.1}")
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
