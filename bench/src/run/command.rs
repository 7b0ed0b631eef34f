//! `arachne-bench run`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use arachne_engine::query::PriceBook;
use arachne_sandbox::s3::{S3Server, S3Settings, S3Shape};
use arachne_server::wiring::now;
use arachne_tests::sandbox::temporary_dir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use super::answers::RightAnswers;
use super::dataset::Dataset;
use super::engines::{Engine, fingerprint};
use super::files::Files;
use super::job::{Event, Job};
use super::machine::{Machine, date};
use super::measure::{Ground, measure};
use super::options::{RunOptions, Shape};
use super::our_stage::OurStage;
use super::process::EngineProcess;
use super::report;
use super::results::{EngineVersion, Results, Settings};
use super::state::{Outcome, Record, State};
use super::suite::Query;
use crate::output::say;

/// More than any run of one query asks.
const LOG_CAPACITY: usize = 1_000_000;
/// What an engine may take to start for the first time.
const FIRST_START: Duration = Duration::from_secs(300);

/// All that a run is made of.
struct Bench<'a> {
    options: &'a RunOptions,
    data: Dataset,
    engines: Vec<Engine>,
    /// Those that were asked for, with what they may answer.
    queries: Vec<(Query, RightAnswers)>,
    s3: S3Server,
    files: Files,
}

pub(crate) async fn run(options: &RunOptions) -> Result<()> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    // What is dropped half done takes its processes with it.
    tokio::select! {
        done = prepare_and_measure(options) => done,
        _ = interrupted.recv() => bail!("stopped; what is measured is kept, the same command goes on"),
        _ = terminated.recv() => bail!("stopped; what is measured is kept, the same command goes on"),
    }
}

async fn prepare_and_measure(options: &RunOptions) -> Result<()> {
    let bench = Bench::prepare(options).await?;
    bench.warm_up().await?;
    let records = bench.measure_all().await?;
    let mut results = bench.results(records)?;
    bench.s3.shutdown().await;

    let plots = report::draw(&results, &bench.files)?;
    results.thin_out();
    results.save(&bench.files.json())?;
    let prices = PriceBook::built_in()?;
    std::fs::write(bench.files.markdown(), report::page(&results, &plots, &prices))?;
    say(report::summary_table(&report::summaries(&results, &prices)))?;
    say(format_args!("\nwritten to {} and beside it", bench.files.markdown().display()))?;
    Ok(())
}

impl<'a> Bench<'a> {
    async fn prepare(options: &'a RunOptions) -> Result<Self> {
        let RunOptions { suite, scale, format, ours, peers, .. } = options.clone();
        let engines = spawn_blocking(move || Engine::selected(&ours, &peers)).await??;
        let data = spawn_blocking(move || Dataset::make(suite, &scale, format)).await??;
        let (queries, data) = right_answers(options, data).await?;
        let s3 = S3Server::start(S3Settings { log_capacity: LOG_CAPACITY, ..S3Settings::new(&data.s3_dir) }).await?;
        s3.conditions().set_shape(match options.s3 {
            Shape::Plain => S3Shape::default(),
            Shape::Shaped => S3Shape::like_s3(),
        });
        let files = Files::new(options.out.as_deref(), options.name())?;
        Ok(Self { options, data, engines, queries, s3, files })
    }

    /// Starts each program once, so that none is the first to be read from disk; one that does not start fails by itself later.
    async fn warm_up(&self) -> Result<()> {
        let scratch = temporary_dir("bench-run")?;
        for engine in &self.engines {
            let job = scratch.path().join("job.json");
            Job::new(&self.s3, Vec::new(), "SELECT 1", &scratch.path().join("result.arrow"))?.write(&job)?;
            let stage = OurStage::of(engine, &self.s3).await?;
            let mut command = engine.command(&job, &self.s3)?;
            command.envs(stage.environment());
            let Ok(mut process) = EngineProcess::start(command, scratch.path()) else {
                eprintln!("{} is not there", engine.name);
                continue;
            };
            match process.next(FIRST_START).await {
                Ok(Event::Ready { version }) => eprintln!("{} {version} is there", engine.name),
                Ok(other) => eprintln!("{} does not keep to the protocol: {other:?}", engine.name),
                Err(failure) => eprintln!("{} does not start: {failure}", engine.name),
            }
            process.end().await;
            stage.tear_down().await;
        }
        Ok(())
    }

    async fn measure_all(&self) -> Result<Vec<Record>> {
        let mut state = State::open(&self.files.state())?;
        let scratch = temporary_dir("bench-run")?;
        let ground = Ground {
            s3: &self.s3,
            tables: &self.data.tables,
            hot_runs: self.options.runs,
            timeout: Duration::from_secs(self.options.timeout),
            scratch: scratch.path(),
        };
        let (mut records, mut done) = (Vec::new(), 0);
        let all = self.options.repeat * self.queries.len() * self.engines.len();
        for repeat in 0..self.options.repeat {
            for (query, right) in &self.queries {
                for engine in &self.engines {
                    done += 1;
                    let what = format!("[{done}/{all}] {} {}", query.name, engine.name);
                    let fingerprint = self.fingerprint(engine, query);
                    let kept = state.find(&engine.name, &query.name, repeat, &fingerprint);
                    if let Some(record) = kept.filter(|record| !self.is_wanted_again(record)) {
                        eprintln!("{what}: {}, as measured before", in_words(&record.outcome));
                        records.push(record.clone());
                        continue;
                    }
                    let started = Instant::now();
                    let outcome = measure(engine, query, right, &ground).await?;
                    eprintln!("{what}: {} ({:.1} s in all)", in_words(&outcome), started.elapsed().as_secs_f64());
                    let (engine, query) = (engine.name.clone(), query.name.clone());
                    let record = Record { engine, query, repeat, fingerprint, at: now(), outcome };
                    state.append(record.clone())?;
                    records.push(record);
                }
            }
        }
        Ok(records)
    }

    fn is_wanted_again(&self, record: &Record) -> bool {
        let failed = matches!(record.outcome, Outcome::Failed(_));
        self.options.fresh || (failed && self.options.retry_failed)
    }

    /// Of everything that a measurement depends on.
    fn fingerprint(&self, engine: &Engine, query: &Query) -> String {
        let RunOptions { suite, scale, format, s3, runs, timeout, .. } = self.options;
        let settings = (suite.name(), scale, format.name(), s3.name(), runs, timeout);
        fingerprint(&(&self.data.recipe, settings, &engine.fingerprint, &query.sql))
    }

    fn results(&self, records: Vec<Record>) -> Result<Results> {
        let options = self.options;
        let version = |name: &str| {
            records.iter().filter(|record| record.engine == name).find_map(|record| match &record.outcome {
                Outcome::Measured(measured) => Some(measured.version.clone()),
                Outcome::Failed(_) => None,
            })
        };
        let engines = self.engines.iter().map(|engine| &engine.name);
        let engines = engines.map(|name| EngineVersion { name: name.clone(), version: version(name) }).collect();
        let at = |choose: fn(i64, i64) -> i64| records.iter().map(|record| record.at).reduce(choose).map(date);
        Ok(Results {
            suite: options.suite,
            scale: options.scale.clone(),
            format: options.format,
            s3: options.s3,
            date: at(i64::max).context("nothing was measured")?,
            begun: at(i64::min).context("nothing was measured")?,
            machine: Machine::this()?,
            settings: Settings { hot_runs: options.runs, repeat: options.repeat, timeout_seconds: options.timeout },
            queries: self.queries.iter().map(|(query, _)| query.name.clone()).collect(),
            engines,
            plot_query: options.plot_query.clone().or_else(|| most_read(&records)),
            records,
        })
    }
}

/// The queries that were asked for, each with what may be answered to it.
async fn right_answers(options: &RunOptions, data: Dataset) -> Result<(Vec<(Query, RightAnswers)>, Dataset)> {
    let unknown = options.queries.iter().find(|name| !data.queries.iter().any(|query| query.name == **name));
    ensure!(unknown.is_none(), "{} has no query {}", options.suite.name(), unknown.map_or("", |name| name));
    let asked = |query: &&Query| options.queries.is_empty() || options.queries.contains(&query.name);
    let queries: Vec<Query> = data.queries.iter().filter(asked).cloned().collect();
    eprintln!("asking the reference for {} answers", queries.len());
    spawn_blocking(move || {
        let answers = queries.into_iter().map(|query| Ok((query.clone(), RightAnswers::to(&query, &data)?)));
        Ok((answers.collect::<Result<_>>()?, data))
    })
    .await?
}

/// The query whose cold runs read most.
fn most_read(records: &[Record]) -> Option<String> {
    let read = |record: &Record| match &record.outcome {
        Outcome::Measured(measured) => measured.cold.s3.bytes_read,
        Outcome::Failed(_) => 0,
    };
    records.iter().max_by_key(|record| read(record)).map(|record| record.query.clone())
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(message) => format!("failed: {message}"),
        Outcome::Measured(measured) => {
            let hot = measured.hot.iter().map(|run| format!("{:.3}", run.seconds)).collect::<Vec<_>>().join(", ");
            let s3 = &measured.cold.s3;
            format!(
                "cold {:.3} s, hot {hot}; {} GET, {} HEAD, {} LIST, {:.1} MB",
                measured.cold.seconds,
                s3.get,
                s3.head,
                s3.list,
                s3.bytes_read as f64 / 1e6
            )
        }
    }
}
