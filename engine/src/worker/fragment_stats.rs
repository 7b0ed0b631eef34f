//! What a fragment's operators say of themselves when it has run.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

/// Sums over a plan's nodes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FragmentStats {
    /// Rows that scans and inputs from the exchange gave.
    pub(crate) rows_in: u64,
    /// Bytes that operators wrote to temporary files.
    pub(crate) spilled_bytes: u64,
}

impl FragmentStats {
    pub(crate) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut stats = Self::default();
        stats.add(plan);
        stats
    }

    fn add(&mut self, node: &Arc<dyn ExecutionPlan>) {
        let children = node.children();
        if let Some(metrics) = node.metrics() {
            self.spilled_bytes += metrics.spilled_bytes().unwrap_or(0) as u64;
            if children.is_empty() {
                self.rows_in += metrics.output_rows().unwrap_or(0) as u64;
            }
        }
        for child in children {
            self.add(child);
        }
    }
}
