//! A plan on the workers of a cluster.

use std::sync::Arc;

use datafusion::execution::SessionState;
use futures::{StreamExt, TryStreamExt};

use super::handle::Rows;
use super::shared::QueryContext;
use crate::coordinator::RunReporter;
use crate::error::Error;
use crate::planner::distributed::{ClusterRun, DistributedPlan};

/// Nothing has been asked of the workers when this returns.
pub(super) fn rows_of_cluster(query: &QueryContext, state: SessionState, plan: DistributedPlan) -> Rows {
    let reporter = RunReporter::new();
    query.ledger.add_run(reporter.observer());
    let members = Arc::clone(&query.shared.cluster);
    let run = ClusterRun { plan, state, members, query_id: query.ledger.id().to_string(), reporter };
    Rows { schema: run.schema(), batches: run.rows().map_err(Error::from).boxed() }
}
