//! Puts back what cutting a plan forgets: see [`BoundaryFacts`].

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion_distributed::{NetworkBoundaryExt, NetworkShuffleExec};

use super::boundary_facts::{BoundaryFacts, BoundaryFactsExec};
use super::stage_hints::without_hints;

/// Walks through stages too: a boundary that is still local exposes its stage's plan as its child.
pub(super) fn repair(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    without_hints(plan)?
        .transform_up(|node| {
            let Some(boundary) = node.as_network_boundary() else { return Ok(Transformed::no(node)) };
            let mut facts = BoundaryFacts::of(node.equivalence_properties());
            let lost_order = if node.is::<NetworkShuffleExec>() && boundary.input_stage().task_count() > 1 {
                node.output_ordering().cloned()
            } else {
                None
            };
            facts.unordered = lost_order.is_some();
            if facts.is_empty() {
                return Ok(Transformed::no(node));
            }
            let stated: Arc<dyn ExecutionPlan> = Arc::new(BoundaryFactsExec::try_new(node, facts)?);
            Ok(Transformed::yes(match lost_order {
                Some(order) => Arc::new(SortExec::new(order, stated).with_preserve_partitioning(true)),
                None => stated,
            }))
        })
        .map(|transformed| transformed.data)
}
