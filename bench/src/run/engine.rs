//! Our own engine, one process a query, put together as `arachne sql` puts it together.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use arachne_engine::query::{QueryRequest, QueryService, QueryStats};
use arachne_server::settings::{Override, Sources};
use arachne_server::wiring;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;
use clap::Args;
use futures::TryStreamExt;
use tokio::runtime::{Builder, Handle};

use super::job::{Event, Format, Job, JobTable};

#[derive(Debug, Clone, Args)]
pub(crate) struct EngineOptions {
    /// The job's file
    job: PathBuf,
    /// What runs the tasks of the query
    #[arg(long, default_value = "embedded")]
    compute: String,
}

/// As `arachne` has it: an expression is evaluated by recursion.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// Speaks the protocol of [`super::job`] on standard input and output. What fails is said there too, and is no error here.
pub(crate) fn serve(options: &EngineOptions) -> Result<()> {
    let threads = Builder::new_multi_thread().thread_stack_size(STACK_BYTES).enable_all().build()?;
    let served = threads.block_on(answer(options, threads.handle()));
    threads.shutdown_background();
    match served {
        Ok(()) => Ok(()),
        Err(error) => {
            say(&Event::Failed { message: format!("{error:#}") })?;
            Err(error)
        }
    }
}

async fn answer(options: &EngineOptions, threads: &Handle) -> Result<()> {
    let job: Job = serde_json::from_slice(&std::fs::read(&options.job)?)?;
    let catalog = tempfile::tempdir()?;
    let service = service(options, catalog.path(), threads).await?;
    say(&Event::Ready { version: env!("CARGO_PKG_VERSION").to_owned() })?;
    let mut first = true;
    for line in std::io::stdin().lock().lines() {
        if line?.trim() != "go" {
            break;
        }
        let started = Instant::now();
        if first {
            register(&service, &job).await?;
        }
        let (schema, batches, stats) = run(&service, &job.sql).await?;
        let seconds = started.elapsed().as_secs_f64();
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        say(&Event::Run { seconds, rows, dollars: Some(stats.cost.total()) })?;
        if first {
            save(&job.result, &schema, &batches)?;
            say(&Event::Saved)?;
        }
        first = false;
    }
    Ok(())
}

/// Settings come from the environment, as everywhere; the catalog is a new one.
async fn service(options: &EngineOptions, dir: &Path, threads: &Handle) -> Result<QueryService> {
    let flag = |key: &str, value: String, flag: &str| Override { key: key.into(), value, flag: flag.into() };
    let flags = vec![
        flag("catalog.path", dir.join("catalog.sqlite").display().to_string(), "--catalog"),
        flag("compute.mode", options.compute.clone(), "--compute"),
    ];
    let settings = Sources { file: None, environment: std::env::vars().collect(), flags }.load()?;
    Ok(wiring::query_service(&settings, threads).await?)
}

async fn register(service: &QueryService, job: &Job) -> Result<()> {
    for table in &job.tables {
        let ddl = ddl(table);
        run(service, &ddl).await.with_context(|| ddl.clone())?;
        if !table.partitions.is_empty() {
            run(service, &format!("MSCK REPAIR TABLE {}", table.name)).await?;
        }
    }
    Ok(())
}

async fn run(service: &QueryService, sql: &str) -> Result<(SchemaRef, Vec<RecordBatch>, QueryStats)> {
    let mut handle = service.start(QueryRequest::new(sql));
    let rows = handle.results().await?;
    let schema = rows.schema();
    let batches = rows.try_collect().await?;
    Ok((schema, batches, handle.stats()))
}

fn save(file: &Path, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<()> {
    let mut writer = FileWriter::try_new(File::create(file)?, schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(())
}

fn say(event: &Event) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(event)?)?;
    Ok(out.flush()?)
}

/// `CREATE EXTERNAL TABLE` in Athena's Hive form.
fn ddl(table: &JobTable) -> String {
    let columns = |columns: &[(String, String)]| {
        let columns = columns.iter().map(|(name, of_type)| format!("`{name}` {}", hive_type(of_type)));
        columns.collect::<Vec<_>>().join(", ")
    };
    let partitioned = match &table.partitions[..] {
        [] => String::new(),
        keys => format!(" PARTITIONED BY ({})", columns(keys)),
    };
    let (stored, properties) = match table.format {
        Format::Parquet => ("STORED AS PARQUET", ""),
        Format::Csv | Format::CsvGzip => (
            "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' STORED AS TEXTFILE",
            " TBLPROPERTIES ('skip.header.line.count'='1')",
        ),
    };
    let JobTable { name, url, .. } = table;
    let own = columns(&table.columns);
    format!("CREATE EXTERNAL TABLE {name} ({own}){partitioned} {stored} LOCATION '{url}'{properties}")
}

fn hive_type(of_type: &str) -> &str {
    match of_type {
        "varchar" => "string",
        "integer" => "int",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_created_as_a_user_would() {
        let pair = |name: &str, of_type: &str| (name.to_owned(), of_type.to_owned());
        let table = JobTable {
            name: "logs".into(),
            url: "s3://bench/logs/".into(),
            format: Format::Parquet,
            columns: vec![pair("path", "varchar"), pair("price", "decimal(15,2)"), pair("status", "integer")],
            partitions: vec![pair("day", "date")],
        };
        assert_eq!(
            ddl(&table),
            "CREATE EXTERNAL TABLE logs (`path` string, `price` decimal(15,2), `status` int) PARTITIONED BY (`day` date) \
             STORED AS PARQUET LOCATION 's3://bench/logs/'"
        );
        let text = JobTable { format: Format::CsvGzip, partitions: Vec::new(), ..table };
        assert!(ddl(&text).ends_with("LOCATION 's3://bench/logs/' TBLPROPERTIES ('skip.header.line.count'='1')"));
    }
}
