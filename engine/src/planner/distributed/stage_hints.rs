//! Says how wide stages that read other stages should be, before the plan is cut.
//!
//! datafusion-distributed gives such a stage as many tasks as the widest stage below it: 500 tasks that scan would be followed by 500
//! that merge a few megabytes. Its hooks see one node at a time, never a whole stage; so a pass over DataFusion's plan finds the
//! stages to be, adds up what each will receive, and leaves a note above every input of the stage. The hook reads it, and the notes
//! are taken out again once the plan is cut.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PartitionMode};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner as _};

use super::cut::CutSettings;
use crate::planner::sizing::{WidthFor, estimated_bytes};
use crate::units::bytes as shown;

/// Plans as DataFusion does, and leaves [`StageHintExec`]s for the cut.
#[derive(Debug)]
pub(super) struct HintedPlanner {
    settings: CutSettings,
}

/// Passes rows through; the stage that it stands in should have so many tasks.
#[derive(Debug)]
pub(super) struct StageHintExec {
    input: Arc<dyn ExecutionPlan>,
    pub(super) hint: StageHint,
}

#[derive(Debug, Clone)]
pub(super) struct StageHint {
    pub(super) width: WidthFor,
    /// Estimated bytes that the stage receives, in memory.
    pub(super) bytes: u64,
}

impl HintedPlanner {
    pub(super) fn new(settings: CutSettings) -> Self {
        Self { settings }
    }
}

#[async_trait]
impl QueryPlanner for HintedPlanner {
    async fn create_physical_plan(
        &self,
        logical: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = DefaultPhysicalPlanner::default().create_physical_plan(logical, session).await?;
        with_hints(plan, &self.settings)
    }
}

/// The plan with a hint above every hash repartition.
fn with_hints(plan: Arc<dyn ExecutionPlan>, settings: &CutSettings) -> Result<Arc<dyn ExecutionPlan>> {
    let mut stages = Stages::default();
    let root = stages.begin();
    stages.add_up(&plan, None, root);
    let mut nth = 0;
    let hints: Vec<_> = stages
        .received
        .into_iter()
        .map(|received| {
            let bytes = received?;
            nth += 1;
            let width = settings.received.tasks_for(bytes, usize::MAX, nth, settings.limits);
            let reason = format!("receives about {}, {}", shown(bytes), width.reason);
            Some(StageHint { width: WidthFor { reason, ..width }, bytes })
        })
        .collect();
    let mut numbered = 1;
    place(plan, None, 0, &hints, &mut numbered)
}

/// The stages to be, numbered in the order in which a walk from the root meets them; what each receives through shuffles.
#[derive(Default)]
struct Stages {
    received: Vec<Option<u64>>,
}

impl Stages {
    fn begin(&mut self) -> usize {
        self.received.push(None);
        self.received.len() - 1
    }

    fn add_up(&mut self, node: &Arc<dyn ExecutionPlan>, parent: Option<&Arc<dyn ExecutionPlan>>, stage: usize) {
        if is_hinted(node, parent) {
            let bytes = node.children().first().map_or(0, |input| estimated_bytes(input));
            let received = self.received[stage].unwrap_or(0).saturating_add(bytes);
            self.received[stage] = Some(received);
        }
        for (index, child) in node.children().into_iter().enumerate() {
            let stage = if begins_stage(node, index) { self.begin() } else { stage };
            self.add_up(child, Some(node), stage);
        }
    }
}

/// Walks in the order of [`Stages::add_up`], so that stages have the same numbers.
fn place(
    node: Arc<dyn ExecutionPlan>,
    parent: Option<&Arc<dyn ExecutionPlan>>,
    stage: usize,
    hints: &[Option<StageHint>],
    numbered: &mut usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let hint = if is_hinted(&node, parent) { hints.get(stage).cloned().flatten() } else { None };
    let old: Vec<_> = node.children().into_iter().cloned().collect();
    let mut children = Vec::with_capacity(old.len());
    for (index, child) in old.iter().enumerate() {
        let mut child_stage = stage;
        if begins_stage(&node, index) {
            child_stage = *numbered;
            *numbered += 1;
        }
        children.push(place(Arc::clone(child), Some(&node), child_stage, hints, numbered)?);
    }
    let changed = children.iter().zip(&old).any(|(new, old)| !Arc::ptr_eq(new, old));
    let node = if changed {
        node.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))?
    } else {
        node
    };
    Ok(match hint {
        Some(hint) => Arc::new(StageHintExec { input: node, hint }),
        None => node,
    })
}

/// A shuffle's exit. One that is gathered at once would only get a stage of its own by a node in between.
fn is_hinted(node: &Arc<dyn ExecutionPlan>, parent: Option<&Arc<dyn ExecutionPlan>>) -> bool {
    is_shuffle(node) && parent.is_some_and(|parent| !gathers(parent))
}

/// Whether a child belongs to another stage than its parent, or to tasks of its own within the stage.
fn begins_stage(node: &Arc<dyn ExecutionPlan>, child: usize) -> bool {
    is_shuffle(node) || gathers(node) || node.is::<UnionExec>() || (child == 0 && collects_left(node))
}

fn is_shuffle(node: &Arc<dyn ExecutionPlan>) -> bool {
    node.downcast_ref::<RepartitionExec>().is_some_and(|exec| matches!(exec.partitioning(), Partitioning::Hash(..)))
}

fn gathers(node: &Arc<dyn ExecutionPlan>) -> bool {
    node.is::<CoalescePartitionsExec>() || node.is::<SortPreservingMergeExec>()
}

fn collects_left(node: &Arc<dyn ExecutionPlan>) -> bool {
    node.is::<NestedLoopJoinExec>()
        || node.is::<CrossJoinExec>()
        || node.downcast_ref::<HashJoinExec>().is_some_and(|join| join.partition_mode() == &PartitionMode::CollectLeft)
}

/// The plan as it runs.
pub(super) fn without_hints(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let input = node.downcast_ref::<StageHintExec>().map(|hint| Arc::clone(&hint.input));
        Ok(input.map_or(Transformed::no(node), Transformed::yes))
    })
    .map(|transformed| transformed.data)
}

impl DisplayAs for StageHintExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "StageHintExec: {} tasks", self.hint.width.tasks)
    }
}

impl ExecutionPlan for StageHintExec {
    fn name(&self) -> &str {
        "StageHintExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.pop()) {
            (Some(input), None) => Ok(Arc::new(Self { input, hint: self.hint.clone() })),
            _ => internal_err!("StageHintExec has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
