//! One process of one engine, from its start to its end, and what happened between its lines.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use arachne_sandbox::s3::S3Server;

use super::answers::RightAnswers;
use super::engines::Engine;
use super::job::{Event, Job, JobTable};
use super::our_stage::OurStage;
use super::process::{EngineProcess, Failure};
use super::profile::Profile;
use super::state::{Measured, Outcome, Run};
use super::suite::Query;
use super::usage::{PeakMemory, cpu_seconds_below};

/// Requests that a client gave up are logged a little after it went on.
const STRAGGLERS: Duration = Duration::from_millis(20);

/// What every measurement of a run has in common.
pub(crate) struct Ground<'a> {
    pub(crate) s3: &'a S3Server,
    pub(crate) tables: &'a [JobTable],
    pub(crate) hot_runs: usize,
    pub(crate) timeout: Duration,
    /// For jobs, results and what engines write beside them.
    pub(crate) scratch: &'a Path,
}

/// Runs the query cold and hot, and judges the answer.
pub(crate) async fn measure(
    engine: &Engine,
    query: &Query,
    right: &RightAnswers,
    ground: &Ground<'_>,
) -> Result<Outcome> {
    let result = ground.scratch.join("result.arrow");
    tokio::fs::remove_file(&result).await.ok();
    let job = ground.scratch.join("job.json");
    let tables = ground.tables.iter().filter(|table| is_asked_for(&query.sql, &table.name)).cloned();
    Job::new(ground.s3, tables.collect(), &query.sql, &result)?.write(&job)?;
    let stage = OurStage::of(engine, ground.s3).await?;
    let mut command = engine.command(&job, ground.s3)?;
    command.envs(stage.environment());
    let told = converse(command, ground).await?;
    stage.tear_down().await;
    let measured = match told {
        Err(failure) => return Ok(Outcome::Failed(failure.0)),
        Ok(measured) => measured,
    };
    let right = right.clone();
    let wrong = tokio::task::spawn_blocking(move || right.difference(&result)).await?;
    Ok(match wrong {
        Err(error) => Outcome::Failed(format!("its result cannot be read: {error:#}")),
        Ok(Some(difference)) => Outcome::Failed(format!("wrong answer: {}", shortened(&difference))),
        Ok(None) => Outcome::Measured(Box::new(measured)),
    })
}

/// Whether the query names the table: nobody registers tables that they do not ask for.
fn is_asked_for(sql: &str, table: &str) -> bool {
    let mut words = sql.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.any(|word| word.eq_ignore_ascii_case(table))
}

async fn converse(command: std::process::Command, ground: &Ground<'_>) -> Result<Result<Measured, Failure>> {
    let memory = PeakMemory::watch();
    let cpu_at_start = cpu_seconds_below()?;
    ground.s3.request_log().clear();
    let started = Instant::now();
    let mut process = match EngineProcess::start(command, ground.scratch) {
        Ok(process) => process,
        Err(error) => return Ok(Err(Failure(format!("does not start: {error:#}")))),
    };
    let told = async {
        let ready = process.next(ground.timeout).await?;
        let Event::Ready { version } = ready else { return Err(unexpected(&ready, "ready")) };
        let ready = started.elapsed().as_secs_f64();
        let cpu_ready = cpu()?;
        let (cold, answered) = run(&mut process, ground, cpu_ready).await?;
        let to_answer = answered.duration_since(started).as_secs_f64();
        match process.next(ground.timeout).await? {
            Event::Saved => {}
            other => return Err(unexpected(&other, "saved")),
        }
        let mut hot = Vec::with_capacity(ground.hot_runs);
        for _ in 0..ground.hot_runs {
            ground.s3.request_log().clear();
            let (again, _) = run(&mut process, ground, cpu()?).await?;
            if again.rows != cold.rows {
                return Err(Failure(format!("{} rows, then {}", cold.rows, again.rows)));
            }
            hot.push(again);
        }
        let peak_memory = memory.bytes();
        Ok(Measured { version, ready, to_answer, start_cpu: cpu_ready - cpu_at_start, cold, hot, peak_memory })
    };
    let told = told.await;
    process.end().await;
    Ok(told)
}

/// One run, and when its end was told.
async fn run(process: &mut EngineProcess, ground: &Ground<'_>, cpu_before: f64) -> Result<(Run, Instant), Failure> {
    process.go().await?;
    let said = process.next(ground.timeout).await?;
    let ended = Instant::now();
    let cpu = cpu()? - cpu_before;
    let Event::Run { seconds, rows, dollars } = said else { return Err(unexpected(&said, "run")) };
    tokio::time::sleep(STRAGGLERS).await;
    let s3 = Profile::of(&ground.s3.request_log().snapshot());
    let cpu = (cpu * 100.0).round() / 100.0;
    Ok((Run { seconds, rows, cpu, dollars, s3 }, ended))
}

fn cpu() -> Result<f64, Failure> {
    cpu_seconds_below().map_err(|error| Failure(format!("{error:#}")))
}

fn unexpected(event: &Event, wanted: &str) -> Failure {
    Failure(format!("said {event:?} where the protocol has {wanted}"))
}

fn shortened(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "/").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_asked_for_by_its_whole_name() {
        let sql = "select 1 from part, Supplier s where p_partkey = 1";
        assert!(is_asked_for(sql, "part") && is_asked_for(sql, "supplier"));
        assert!(!is_asked_for(sql, "partsupp") && !is_asked_for("select * from partsupp", "part"));
    }
}
