//! What fanning out costs by itself: the same small queries, warm, in this process and over the local Lambda. One has a single stage on
//! workers, the other a shuffle between two.

mod contender;
mod lines;
mod statement;

use anyhow::{Result, ensure};
use arachne_engine::query::QueryRequest;
use clap::Args;

use self::contender::Contender;
use self::lines::{lines, table};
use self::statement::Statement;
use crate::data;
use crate::local_cloud::BUCKET;
use crate::output::say;
use crate::stage::{self, Stage};

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
    /// Numbers of tasks a stage to compare; a shuffle takes at least two
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4])]
    tasks: Vec<usize>,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    ensure!(options.runs > 0, "at least one run is needed");
    let most = options.tasks.iter().copied().max().unwrap_or(1);
    let stage = Stage::set_up(most.max(4), Vec::new()).await?;
    let files = i32::try_from(most)?;
    let bytes = data::put_lineitem(stage.bucket()?.as_ref(), "lineitem", options.scale, files).await?;
    let (embedded, lambda) = (stage.embedded()?, stage.lambda().await?);
    let ddl = format!(
        "CREATE EXTERNAL TABLE lineitem ({}) STORED AS PARQUET LOCATION 's3://{BUCKET}/lineitem/'",
        data::LINEITEM
    );
    stage::run(&lambda, QueryRequest::new(ddl)).await?;

    let mut contenders = Vec::new();
    for statement in Statement::ALL {
        contenders.push(Contender::embedded(statement, embedded.clone()));
        for tasks in options.tasks.iter().filter(|tasks| **tasks >= statement.least_tasks) {
            contenders.push(Contender::lambda(statement, lambda.clone(), *tasks));
        }
    }
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
        "queries over {:.1} MiB of Parquet in {files} files, {} runs, warm; medians in ms\n",
        bytes as f64 / (1024.0 * 1024.0),
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
