//! What a hash join knows of its keys, once its build side is read, spares work below its probe side.
//!
//! A filter of these keys (DataFusion's `DynamicFilterPhysicalExpr`, which the join fills in) is handed down to every file scan that the
//! keys come from, column by column in their places (`columns`). A scan leaves out files, row groups and pages by it, but no single
//! row. The join itself is soon done with a row that has no match; where rows are grouped, shuffled or joined with others first, on
//! their way to it, a [`RowFilterExec`] leaves them out where they come from.
//!
//! DataFusion has a rule for the first part (`FilterPushdown`, which `handed_down_filters` keeps from doing this one), but hands filters
//! down by the names of columns: over a join of two inputs that both have an `id`, a filter for one lands on the other
//! (<https://github.com/apache/datafusion/issues/25244>).

mod columns;
mod passing_rows;
mod row_filter;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::{DataSource as _, DataSourceExec};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::{DynamicFilterPhysicalExpr, lit};
use datafusion::physical_expr::utils::{collect_columns, conjunction};
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode, SortMergeJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties as _, replace_children_if_necessary};

use columns::by_columns_of_child;
pub(crate) use row_filter::RowFilterExec;

use super::distributed::on_a_deep_stack;

type Plan = Arc<dyn ExecutionPlan>;
type Expr = Arc<dyn PhysicalExpr>;

/// Of a hash join's children, the one whose rows are looked up.
const PROBE: usize = 1;

/// Gives every hash join of a plan that can have one a filter, and hands it down.
///
/// To be called just before the plan runs, where it runs: a filter reaches no further than the process that fills it in.
pub(crate) fn join_filters(plan: Plan, options: &ConfigOptions) -> Result<Plan> {
    if !options.optimizer.enable_join_dynamic_filter_pushdown {
        return Ok(plan);
    }
    on_a_deep_stack(|| hand_down(plan, Above::default(), options))
}

/// What a node has to know of those above it.
#[derive(Debug, Clone, Default)]
struct Above {
    filters: Vec<Handed>,
    /// Whether some partitions may be left alone while others are read.
    skips_partitions: bool,
}

/// A filter on its way down.
#[derive(Debug, Clone)]
struct Handed {
    /// By the columns of the node that it has come to.
    filter: Expr,
    /// Whether leaving a row out here spares more than looking it up in the join that makes the filter.
    spares_work: bool,
}

fn hand_down(node: Plan, mut above: Above, options: &ConfigOptions) -> Result<Plan> {
    if node.is::<RecursiveQueryExec>() {
        // Its joins forget their filters before each round.
        return Ok(node);
    }
    if node.fetch().is_some() {
        // The first rows of those that a filter leaves are others than the first rows.
        above.filters.clear();
    }
    if let Some(scan) = file_scan(&node) {
        let filters = above.filters.iter().map(|handed| Arc::clone(&handed.filter)).collect();
        let pruned = scan.try_pushdown_filters(filters, options)?.updated_node;
        let scan = pruned.map_or(node, |scan| Arc::new(DataSourceExec::new(scan)) as _);
        return Ok(filter_rows(scan, above.filters));
    }
    let made = filter_for_probe_side(&node, &above)?;
    // A comparison with a constant costs less than a look-up: it comes first.
    let over_scan = node.downcast_ref::<FilterExec>().is_some_and(|filter| file_scan(filter.input()).is_some());
    let mut children = Vec::new();
    for (nth, child) in node.children().into_iter().enumerate() {
        let mut filters = Vec::new();
        for Handed { filter, spares_work } in &above.filters {
            let spares_work = (*spares_work || has_work_with_rows(&node)) && !over_scan;
            filters.extend(by_columns_of_child(&node, nth, filter)?.map(|filter| Handed { filter, spares_work }));
        }
        let own = made.iter().filter(|_| nth == PROBE);
        filters.extend(own.map(|filter| Handed { filter: Arc::clone(filter) as _, spares_work: false }));
        let skips_partitions = skips_partitions(&node, nth).unwrap_or(above.skips_partitions);
        children.push(hand_down(Arc::clone(child), Above { filters, skips_partitions }, options)?);
    }
    let node = with_filter(replace_children_if_necessary(node, children)?, made)?;
    Ok(if over_scan { filter_rows(node, above.filters) } else { node })
}

fn filter_rows(node: Plan, filters: Vec<Handed>) -> Plan {
    let worth: Vec<_> = filters.into_iter().filter(|handed| handed.spares_work).map(|handed| handed.filter).collect();
    if worth.is_empty() { node } else { Arc::new(RowFilterExec::new(node, conjunction(worth))) }
}

fn file_scan(node: &Plan) -> Option<&FileScanConfig> {
    node.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref()
}

fn has_work_with_rows(node: &Plan) -> bool {
    let hashes = |node: &RepartitionExec| matches!(node.partitioning(), Partitioning::Hash(..));
    node.is::<AggregateExec>()
        || node.is::<HashJoinExec>()
        || node.downcast_ref::<RepartitionExec>().is_some_and(hashes)
}

/// The filter that a join will fill in, by the columns of its probe side. Whether it will is decided when it runs: `HashJoinExec` knows
/// the joins that must not, among them those that keep rows of the probe side that have no match.
fn filter_for_probe_side(node: &Plan, above: &Above) -> Result<Option<Arc<DynamicFilterPhysicalExpr>>> {
    let Some(join) = node.downcast_ref::<HashJoinExec>() else { return Ok(None) };
    let keys: Vec<_> = join.on().iter().map(|(_, probe)| Arc::clone(probe)).collect();
    let schema = join.right().schema();
    for key in &keys {
        if collect_columns(key).is_empty() || !is_compared_alike(&key.data_type(&schema)?) {
            return Ok(None);
        }
    }
    let has_one = !join.dynamic_expressions_produced().is_empty();
    let may_have_one = !has_one && knows_where_rows_go(join) && !may_wait_for_ever(join, above);
    Ok(may_have_one.then(|| Arc::new(DynamicFilterPhysicalExpr::new(keys, lit(true)))))
}

/// Whether a filter holds two values for equal when the join does. Of floating numbers it compares the bits, and 0.0 is equal to -0.0;
/// bounds of lists and rows are found in one order and compared in another.
fn is_compared_alike(of: &DataType) -> bool {
    match of {
        DataType::Dictionary(_, value) => is_compared_alike(value),
        other => !other.is_floating() && !other.is_nested(),
    }
}

/// A join that collects its build side makes its filter when all partitions of the other side have begun, and they wait for it (DataFusion
/// 55.2, `SharedBuildAccumulator`).
fn may_wait_for_ever(join: &HashJoinExec, above: &Above) -> bool {
    above.skips_partitions
        && *join.partition_mode() != PartitionMode::Partitioned
        && join.right().output_partitioning().partition_count() > 1
}

/// Whether a node may leave some partitions of a child alone: a partitioned join does, where it has no keys to look up. `None` where that
/// depends on what is above.
fn skips_partitions(node: &Plan, child: usize) -> Option<bool> {
    if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        return (*join.partition_mode() == PartitionMode::Partitioned && child == PROBE).then_some(true);
    }
    if node.is::<SortMergeJoinExec>() {
        return Some(true);
    }
    let reads_all =
        node.is::<RepartitionExec>() || node.is::<CoalescePartitionsExec>() || node.is::<SortPreservingMergeExec>();
    reads_all.then_some(false)
}

fn with_filter(node: Plan, filter: Option<Arc<DynamicFilterPhysicalExpr>>) -> Result<Plan> {
    match (node.downcast_ref::<HashJoinExec>(), filter) {
        (Some(join), Some(filter)) => Ok(Arc::new(join.builder().build()?.with_dynamic_filter_expr(filter)?)),
        _ => Ok(node),
    }
}

/// The filter of a partitioned join asks of a row which partition's keys concern it, by the hash of its own keys. It is right where this
/// process has dealt the rows out; those that come from other tasks were dealt out to more partitions than are seen here.
fn knows_where_rows_go(join: &HashJoinExec) -> bool {
    let sides = [join.left(), join.right()];
    *join.partition_mode() != PartitionMode::Partitioned
        || sides.iter().all(|side| side.output_partitioning().partition_count() == 1)
        || sides.iter().all(|side| is_dealt_out_here(side))
}

fn is_dealt_out_here(node: &Plan) -> bool {
    if let Some(join) = node.downcast_ref::<HashJoinExec>() {
        return match join.partition_mode() {
            PartitionMode::CollectLeft => is_dealt_out_here(join.right()),
            _ => is_dealt_out_here(join.left()) && is_dealt_out_here(join.right()),
        };
    }
    if let Some(node) = node.downcast_ref::<RepartitionExec>() {
        return matches!(node.partitioning(), Partitioning::Hash(..));
    }
    let leaves_rows_in_their_partition =
        node.is::<FilterExec>() || node.is::<ProjectionExec>() || node.is::<AggregateExec>() || node.is::<SortExec>();
    leaves_rows_in_their_partition && node.children().into_iter().all(is_dealt_out_here)
}
