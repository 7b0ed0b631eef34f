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
            if !node.is_network_boundary() {
                return Ok(Transformed::no(node));
            }
            let mut facts = BoundaryFacts::of(node.equivalence_properties());
            // One producer may keep an order, but the worker that reads it does not know: a boundary is decoded without its order.
            let lost_order = node.is::<NetworkShuffleExec>().then(|| node.output_ordering().cloned()).flatten();
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
