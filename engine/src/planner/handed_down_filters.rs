//! Filters that sorts make while they run are handed down to scans only where they leave the answer as it is; those of hash joins are left
//! to `join_filters`, and aggregates hand down none.
//!
//! DataFusion hands filters down further than that, in two ways:
//! - By the names of columns (`FilterRemapper::try_remap`). Over a join of two inputs that both have an `id`, a filter for the second lands on the
//!   first (<https://github.com/apache/datafusion/issues/25244>).
//! - Through a join that has taken over a LIMIT. The first ten rows of those that are left are others than the first ten.
//!
//! Files and row groups of the answer are then left out. Where that may be, none is handed down.
//!
//! The filter of several aggregates is wrong by itself (55.2, `build_dynamic_filter_from_accumulator_bounds`): one that has seen nothing but
//! NULLs, or that is not over a plain column, has no part in it, and the rows that it needs are left out by the bounds of the others.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// DataFusion's rules, with filters of operators handed down only where none can mislead.
pub(crate) fn physical_optimizer_rules() -> Vec<Rule> {
    let handing_down = FilterPushdown::new_post_optimization();
    let careful = |rule: Rule| match rule.name() == handing_down.name() {
        true => Arc::new(Careful(rule)) as Rule,
        false => rule,
    };
    PhysicalOptimizer::new().rules.into_iter().map(careful).collect()
}

#[derive(Debug)]
struct Careful(Rule);

impl PhysicalOptimizerRule for Careful {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let mut config = config.clone();
        config.optimizer.enable_join_dynamic_filter_pushdown = false;
        config.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
        let filtered = self.0.optimize(Arc::clone(&plan), &config)?;
        Ok(if may_mislead(&filtered, false) { plan } else { filtered })
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Whether a filter may pass, on its way down, a join whose inputs have columns of one name, or a LIMIT.
fn may_mislead(plan: &Arc<dyn ExecutionPlan>, filtered_above: bool) -> bool {
    if filtered_above && (joins_like_names(plan) || plan.fetch().is_some()) {
        return true;
    }
    let filtered = filtered_above || !plan.dynamic_expressions_produced().is_empty();
    plan.children().into_iter().any(|child| may_mislead(child, filtered))
}

fn joins_like_names(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let [left, right] = plan.children()[..] else { return false };
    let (left, right) = (left.schema(), right.schema());
    is_join(plan) && left.fields().iter().any(|field| right.column_with_name(field.name()).is_some())
}

fn is_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<HashJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<CrossJoinExec>()
}
