//! Keeps a stage in one task where an operator needs all rows in one place and only has them because its leaf has one partition.
//!
//! A TopK, a LIMIT, a global window or an aggregate in mode Single over a table of one file has no exchange below it: the planner saw
//! one partition and needed none. In a stage of T tasks each would see a T-th of the rows and answer from that, silently.
//! datafusion-distributed 4.0.0 does not guard against it.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::Result;
use datafusion::physical_expr::{Distribution, Partitioning};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion_distributed::{
    BroadcastExec, DesiredTaskCountEvent, DesiredTaskCountEventResponse, DesiredTaskCountHandler,
};

use crate::planner::sizing::Choices;

/// Notes the nodes that it keeps together.
pub(super) struct SinglePartitionGuard(pub(super) Choices);

#[async_trait]
impl DesiredTaskCountHandler for SinglePartitionGuard {
    async fn handle(&self, event: DesiredTaskCountEvent<'_>) -> Option<Result<DesiredTaskCountEventResponse>> {
        needs_one_task(event.plan).then(|| {
            self.0.add(format!("{} is not spread: it needs all rows in one place", event.plan.name()));
            Ok(DesiredTaskCountEventResponse::maximum(1))
        })
    }
}

fn needs_one_task(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let required = plan.input_distribution_requirements().into_per_child();
    plan.children().into_iter().zip(required).any(|(child, required)| {
        let relies_on_one_partition = match required {
            Distribution::SinglePartition => true,
            Distribution::UnspecifiedDistribution => false,
            // Rows of one key in one partition (`KeyPartitioned`, and its older name): one partition meets that by itself.
            _ => child.output_partitioning().partition_count() == 1,
        };
        relies_on_one_partition && reaches_leaf_without_exchange(child)
    })
}

/// Whether some leaf's rows come here without having been gathered or dealt out on the way.
fn reaches_leaf_without_exchange(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if is_exchange(plan) {
        return false;
    }
    let children = plan.children();
    children.is_empty() || children.into_iter().any(reaches_leaf_without_exchange)
}

fn is_exchange(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<CoalescePartitionsExec>()
        || plan.is::<SortPreservingMergeExec>()
        || plan.is::<BroadcastExec>()
        || plan
            .downcast_ref::<RepartitionExec>()
            .is_some_and(|exec| matches!(exec.partitioning(), Partitioning::Hash(..)))
}
