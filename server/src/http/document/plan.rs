//! What a query does, or would do.

use arachne_engine::query::{CostEstimate, DryRun};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::FieldDocument;

/// How a query is, or was, run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = QueryPlan)]
pub struct PlanDocument {
    pub query_id: String,
    /// As `EXPLAIN` shows it; for a query that has ended it is made anew, of the tables as they are now. Of one with parameters it is
    /// the plan that it ran by.
    pub plan: String,
    /// What each stage did, once the query has ended; nothing for one that ran in the coordinator.
    #[schema(value_type = Value)]
    pub stages: Value,
}

/// A query that was planned and not run. Nothing was read but the catalog, listings and the metadata of files.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = DryRun)]
pub struct DryRunDocument {
    /// As `EXPLAIN` shows it.
    pub plan: String,
    /// Of the result.
    pub columns: Vec<FieldDocument>,
    /// Of table data, after pruning.
    pub bytes: u64,
    pub files: u64,
    pub partitions: u64,
    /// On workers.
    pub tasks: u64,
    pub estimate: EstimateDocument,
}

/// Good to a small factor; without retries and cold starts. In US dollars.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = CostEstimate)]
pub struct EstimateDocument {
    pub gb_seconds: f64,
    /// Lambda and S3 together.
    pub dollars: f64,
    pub lambda_dollars: f64,
    pub s3_dollars: f64,
    /// What Athena would charge for the same bytes.
    pub athena_dollars: f64,
}

impl From<DryRun> for DryRunDocument {
    fn from(run: DryRun) -> Self {
        let DryRun { schema, plan, bytes, files, partitions, tasks, estimate } = run;
        let columns = FieldDocument::all(&schema);
        Self { plan, columns, bytes, files, partitions, tasks, estimate: estimate.into() }
    }
}

impl From<CostEstimate> for EstimateDocument {
    fn from(estimate: CostEstimate) -> Self {
        let CostEstimate { gb_seconds, cost, .. } = estimate;
        Self {
            gb_seconds,
            dollars: cost.total(),
            lambda_dollars: cost.lambda,
            s3_dollars: cost.s3,
            athena_dollars: cost.athena,
        }
    }
}
