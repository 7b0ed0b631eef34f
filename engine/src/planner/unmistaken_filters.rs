//! No filter that a join makes while it runs may land on another column of the same name.
//!
//! DataFusion hands such filters down by the names of columns (`FilterRemapper::try_remap`). Over a join of two inputs that both have an `id`, a
//! filter for the second lands on the first, and leaves out files and row groups whose rows belong to the answer
//! (<https://github.com/apache/datafusion/issues/25244>). Where that may be, none is handed down.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// DataFusion's rules, with filters of operators handed down only where none can be mistaken.
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
        let filtered = self.0.optimize(Arc::clone(&plan), config)?;
        Ok(if may_mistake(&filtered, false) { plan } else { filtered })
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Whether a filter may pass a join on its way down, whose inputs have columns of one name.
fn may_mistake(plan: &Arc<dyn ExecutionPlan>, filtered_above: bool) -> bool {
    let children = plan.children();
    let like_named = match children.as_slice() {
        [left, right] if is_join(plan) => {
            let (left, right) = (left.schema(), right.schema());
            left.fields().iter().any(|field| right.column_with_name(field.name()).is_some())
        }
        _ => false,
    };
    let filtered = filtered_above || !plan.dynamic_expressions_produced().is_empty();
    (like_named && filtered_above) || children.into_iter().any(|child| may_mistake(child, filtered))
}

fn is_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<HashJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<CrossJoinExec>()
}
