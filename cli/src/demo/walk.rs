//! The walk itself, as a client of the sandbox.

use std::time::Instant;

use anyhow::Context as _;
use arachne_engine::Error;
use arachne_engine::query::{QueryRequest, QueryStats};
use arachne_engine::storage::ObjectStores;
use arachne_server::settings::{Override, Sources};
use indicatif::HumanBytes;
use tokio::runtime::Handle;

use super::answers::{Rows, known};
use super::compare::difference;
use super::data;
use super::print::{Steps, out, stages};
use super::queries::{ON_CSV, ON_PARQUET, TpchQuery};
use super::tables::{self, CSV_DATABASE, PARQUET_DATABASE};
use super::{Scale, program_name};
use crate::exit::Exit;
use crate::format::{RowsEncoder, TableEncoder, TableShape};
use crate::queries::Queries;
use crate::sql::progress::ProgressLine;
use crate::sql::report;
use crate::sql::run::{Outcome, Sink, run as run_query};
use crate::terminal::{self, Colors};

/// Into how many tasks a scan of the largest table is cut. Real lakes are cut by size; the demo's data would be one task.
const TASKS_OF_LARGEST_SCAN: u64 = 6;
const ROWS_SHOWN: usize = 10;

pub(super) async fn run(scale: &Scale, threads: &Handle) -> anyhow::Result<Exit> {
    let compute = Override { key: "compute.mode".into(), value: "lambda".into(), flag: "arachne demo".into() };
    // Only what the sandbox says: a settings file of the user's own is not meant for it.
    let sources = Sources { file: None, flags: vec![compute], ..Sources::of_process(None, Vec::new()) };
    let settings = sources.load()?;
    let queries = Queries::open(&settings, threads).await.context("cannot set the engine up")?;
    let exit =
        Walk { queries: &queries, scale, colors: Colors::of_stdout() }.run(&ObjectStores::new(settings.storage)).await;
    queries.close(&exit).await;
    exit
}

struct Walk<'a> {
    queries: &'a Queries,
    scale: &'a Scale,
    colors: Colors,
}

/// What one query gave.
struct Answer {
    rows: Rows,
    table: String,
    stats: QueryStats,
}

/// Why the walk ends early.
enum Stop {
    Failed(Error, String),
    Interrupted,
}

#[derive(Default)]
struct Summary {
    right: usize,
    wrong: Vec<String>,
    tasks: u32,
    gb_seconds: f64,
    bytes_scanned: u64,
    dollars: f64,
    athena: f64,
}

impl Walk<'_> {
    async fn run(&self, stores: &ObjectStores) -> anyhow::Result<Exit> {
        let started = Instant::now();
        out(&self.colors.strong(&format!("TPC-H at scale {} on a local S3 and a local Lambda", self.scale.text)));
        let upload = tokio::select! {
            uploaded = data::upload(stores, self.scale, &Steps) => uploaded?,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
        };
        out(&format!(
            "uploaded {} files, {}, in {:.1}s",
            upload.files,
            HumanBytes(upload.bytes),
            started.elapsed().as_secs_f64()
        ));
        match self.declare_and_query(upload.lineitem_bytes).await {
            Ok(summary) => Ok(self.finish(&summary)),
            Err(Stop::Interrupted) => Ok(Exit::Interrupted),
            Err(Stop::Failed(error, sql)) => {
                crate::sql::run::say(&report::error(&error, &sql, Colors::of_stderr()));
                Ok(Exit::Failed)
            }
        }
    }

    async fn declare_and_query(&self, lineitem_bytes: u64) -> Result<Summary, Stop> {
        let statements =
            tables::statements().map_err(|error| Stop::Failed(Error::internal(error.to_string()), String::new()))?;
        for sql in &statements {
            self.answer("default", sql, &[]).await?;
        }
        out(&format!(
            "declared the tables of the databases {PARQUET_DATABASE} and {CSV_DATABASE} with CREATE EXTERNAL TABLE"
        ));
        let bytes_per_task = (lineitem_bytes / TASKS_OF_LARGEST_SCAN).max(1);
        out(&format!(
            "a task is given {} of a table, so that even this little data fans out",
            HumanBytes(bytes_per_task)
        ));

        let mut summary = Summary::default();
        for (database, form, queries) in
            [(PARQUET_DATABASE, "Parquet", ON_PARQUET.as_slice()), (CSV_DATABASE, "gzip CSV", ON_CSV.as_slice())]
        {
            for query in queries {
                let title = format!("Q{} on {form} ({})", query.number, query.about);
                out(&format!("\n{}", self.colors.strong(&title)));
                let settings = [
                    ("arachne.bytes_per_task".to_owned(), bytes_per_task.to_string()),
                    ("arachne.local_bytes".to_owned(), "0".to_owned()),
                ];
                let answer = self.answer(database, query.statement(), &settings).await?;
                out(answer.table.trim_end());
                out(&stages(&answer.stats));
                out(&answer.stats.to_string());
                self.judge(*query, database, &title, &answer, &mut summary).await?;
            }
        }
        Ok(summary)
    }

    /// Compares with the known answer, else with a run in this process.
    async fn judge(
        &self,
        query: TpchQuery,
        database: &str,
        title: &str,
        answer: &Answer,
        summary: &mut Summary,
    ) -> Result<(), Stop> {
        let (expected, whose) = match known(&self.scale.text, query.number) {
            Some(rows) => (rows, "the known answer"),
            None => {
                let embedded = [("arachne.compute".to_owned(), "embedded".to_owned())];
                (
                    self.answer(database, query.statement(), &embedded).await?.rows,
                    "an embedded run; no answer is known for this scale",
                )
            }
        };
        // An answer from the coordinator alone would be right and show nothing.
        let wrong = match difference(&answer.rows, &expected) {
            None if !answer.stats.distributed => Some(format!("no worker took part: {}", answer.stats.placement)),
            difference => difference,
        };
        match wrong {
            None => {
                summary.right += 1;
                out(&format!("{} equal to {whose}", self.colors.good("right:")));
            }
            Some(difference) => {
                out(&format!("{} not equal to {whose}: {difference}", self.colors.error("WRONG:")));
                summary.wrong.push(format!("{title}: {difference}"));
            }
        }
        summary.tasks += answer.stats.tasks;
        summary.gb_seconds += answer.stats.gb_seconds;
        summary.bytes_scanned += answer.stats.requests.bytes_scanned;
        summary.dollars += answer.stats.cost.total();
        summary.athena += answer.stats.cost.athena;
        Ok(())
    }

    async fn answer(&self, database: &str, sql: &str, settings: &[(String, String)]) -> Result<Answer, Stop> {
        let request =
            QueryRequest { database: database.to_owned(), settings: settings.to_vec(), ..QueryRequest::new(sql) };
        let width = terminal::size().map(|(width, _)| width).filter(|_| terminal::stdout_is_terminal());
        let shape = TableShape { width, max_rows: Some(ROWS_SHOWN), count_line: false };
        let (encoder, rows) = RowsEncoder::beside(TableEncoder::new(shape));
        let mut sink = Sink::to_memory(Box::new(encoder));
        match run_query(self.queries, request, &mut sink, ProgressLine::new(false)).await {
            Outcome::Done(stats) => {
                let table = String::from_utf8_lossy(&sink.into_bytes()).into_owned();
                Ok(Answer { rows: rows.take(), table, stats: *stats })
            }
            Outcome::Failed(error) => Err(Stop::Failed(error, sql.to_owned())),
            Outcome::OutputFailed(error) => Err(Stop::Failed(Error::internal(error.to_string()), sql.to_owned())),
            Outcome::Interrupted | Outcome::OutputClosed => Err(Stop::Interrupted),
        }
    }

    fn finish(&self, summary: &Summary) -> Exit {
        let Summary { right, wrong, tasks, gb_seconds, bytes_scanned, dollars, athena } = summary;
        out(&format!("\n{}", self.colors.strong("Summary")));
        out(&format!("  {right} of {} answers right", right + wrong.len()));
        for line in wrong {
            out(&format!("  {} {line}", self.colors.error("WRONG")));
        }
        out(&format!(
            "  {tasks} tasks on workers, {} scanned, {gb_seconds:.1} GB-s of Lambda",
            HumanBytes(*bytes_scanned)
        ));
        out(&format!("  on AWS this would have cost ${dollars:.6} in all (Athena: ${athena:.6})"));
        let arachne = program_name();
        out("\nWhat to try next:");
        out(&format!("  {arachne} demo --keep    keeps this data and says how to query it"));
        out(&format!(
            "  {arachne} sql -c \"SELECT count(*) FROM '/path/to/files/*.parquet'\"    reads your own files, in one process"
        ));
        out("  a local S3 and Lambda for your own files:");
        out(&format!("    {arachne} sandbox --env-file sandbox.env &"));
        out("    source sandbox.env && aws s3 cp FILE.parquet s3://lake/mine/");
        out(&format!("    {arachne} sql --compute lambda -c \"SELECT * FROM 's3://lake/mine/' LIMIT 10\""));
        if wrong.is_empty() { Exit::Done } else { Exit::Failed }
    }
}
