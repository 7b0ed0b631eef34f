//! A statement and a way to run it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arachne_engine::query::{QueryRequest, QueryService, QueryStats};
use arachne_sandbox::lambda::InvocationRecord;

use super::statement::Statement;
use crate::stage::{self, Stage};
use crate::summary::Summary;

pub(super) struct Contender {
    pub(super) statement: &'static Statement,
    pub(super) compute: String,
    service: QueryService,
    /// `None` in this process.
    tasks: Option<usize>,
    pub(super) runs: Vec<Run>,
}

/// One measured run.
pub(super) struct Run {
    pub(super) stats: QueryStats,
    /// The longest invocation of each stage, as the local Lambda saw them, added up.
    pub(super) invocations: Duration,
}

impl Contender {
    pub(super) fn embedded(statement: &'static Statement, service: QueryService) -> Self {
        Self { statement, compute: "embedded".into(), service, tasks: None, runs: Vec::new() }
    }

    pub(super) fn lambda(statement: &'static Statement, service: QueryService, tasks: usize) -> Self {
        let compute = format!("lambda, {tasks} {}", if tasks == 1 { "task" } else { "tasks" });
        Self { statement, compute, service, tasks: Some(tasks), runs: Vec::new() }
    }

    pub(super) async fn measure(&self, stage: &Stage) -> Result<Run> {
        let seen = stage.lambda.invocation_log().len();
        let mut request = QueryRequest::new(self.statement.sql);
        request.settings = self.tasks.map(|tasks| self.statement.over_lambda(tasks)).unwrap_or_default();
        let what = || format!("{}, {}", self.statement.name, self.compute);
        let stats = stage::run(&self.service, request).await.with_context(what)?;
        match self.tasks {
            Some(tasks) => self.statement.check(&stats, tasks).with_context(what)?,
            None => ensure!(!stats.distributed, "{} ran elsewhere: {}", what(), stats.placement),
        }
        let log = stage.lambda.invocation_log();
        let invocations = longest_of_each(&stats, log.get(seen..).unwrap_or_default());
        Ok(Run { stats, invocations })
    }

    pub(super) fn summary(&self, of: impl Fn(&Run) -> Duration) -> Summary {
        Summary::of(self.runs.iter().map(of))
    }
}

impl Run {
    /// The slowest task of each stage, as workers measure it, added up.
    pub(super) fn workers(&self) -> Duration {
        self.stats.stages.iter().map(|stage| stage.slowest_task).sum()
    }
}

/// A stage begins when those that it reads have ended, so that the log has one after the other.
fn longest_of_each(stats: &QueryStats, log: &[InvocationRecord]) -> Duration {
    let mut rest = log.iter();
    let longest = |attempts: u32| rest.by_ref().take(attempts as usize).map(|record| record.duration).max();
    stats.stages.iter().map(|stage| stage.attempts).filter_map(longest).sum()
}
