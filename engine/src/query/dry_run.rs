//! What a query would read and cost.

use arrow::datatypes::SchemaRef;
use serde::Serialize;

use super::estimate::{CostEstimate, estimate};
use super::explain;
use super::planning::plan_to_show;
use super::session::QuerySession;
use super::shared::QueryContext;
use crate::error::Result;
use crate::sql::{self, Statement};

/// A plan that was made and not run. Nothing was read but the catalog, listings and the metadata of files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DryRun {
    #[serde(skip)]
    pub schema: SchemaRef,
    /// As `EXPLAIN` shows it.
    pub plan: String,
    /// Of table data, after pruning. Where scalar subqueries decide what is read, an upper bound.
    pub bytes: u64,
    pub files: u64,
    /// Folders with files that are read: partitions of tables that have any.
    pub partitions: u64,
    /// On workers.
    pub tasks: u64,
    pub estimate: CostEstimate,
}

pub(super) async fn dry_run(query: &QueryContext, statement: Statement) -> Result<DryRun> {
    let statement = match statement {
        Statement::Query(statement) => statement,
        Statement::Explain(explain) => explain.statement,
        other => return Ok(of_the_catalog(&other)),
    };
    let session = QuerySession::try_new(query, &statement)?;
    let shown = plan_to_show(query, &session, statement).await?;
    let mut total = CostEstimate::default();
    for placed in shown.subqueries.iter().chain([&shown.placed]) {
        total += estimate(placed, &session.settings, &query.shared.prices);
    }
    Ok(DryRun {
        plan: explain::text(query, &session, &shown),
        schema: shown.schema,
        bytes: total.bytes,
        files: query.ledger.scans.files_chosen(),
        partitions: query.ledger.scans.folders_chosen(),
        tasks: total.tasks,
        estimate: total,
    })
}

/// Statements of the catalog read nothing that is paid for.
fn of_the_catalog(statement: &Statement) -> DryRun {
    DryRun {
        schema: sql::ddl::schema_of(statement),
        plan: "a statement of the catalog".to_owned(),
        bytes: 0,
        files: 0,
        partitions: 0,
        tasks: 0,
        estimate: CostEstimate::default(),
    }
}
