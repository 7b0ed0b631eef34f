//! What each stage of a cut plan works on, and why it is as wide as it is.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::ExecutionPlan;
use datafusion_distributed::{DistributedLeafExec, NetworkBoundaryExt};

use super::fragment::output_kind;
use super::stage_hints::StageHintExec;
use crate::planner::sizing::{ScanSize, file_scan, scan_size};
use crate::protocol::OutputKind;
use crate::units::bytes;

#[derive(Debug, Clone)]
pub(crate) struct StageNote {
    pub(crate) stage: u32,
    pub(crate) tasks: usize,
    /// Of the tables that the stage reads.
    pub(crate) scans: ScanSize,
    /// Estimated bytes in memory that come from other stages.
    pub(crate) received: u64,
    /// Stages that it reads, with their tasks.
    pub(crate) inputs: Vec<(u32, usize)>,
    pub(crate) output: OutputKind,
    /// Why the stage is as wide as a hint said.
    hints: Vec<String>,
}

/// To be called while the plan's hints are in it.
pub(super) fn stage_notes(base: &Arc<dyn ExecutionPlan>) -> Result<Vec<StageNote>> {
    let mut notes = Vec::new();
    base.apply(|node| {
        if let Some(stage) = node.as_network_boundary().map(|boundary| boundary.input_stage())
            && let Some(plan) = stage.local_plan()
        {
            notes.push(StageNote::of(stage.num() as u32, stage.task_count(), plan)?);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    notes.sort_by_key(|note| note.stage);
    Ok(notes)
}

impl StageNote {
    fn of(stage: u32, tasks: usize, plan: &Arc<dyn ExecutionPlan>) -> Result<Self> {
        let output = output_kind(plan);
        let mut note = Self {
            stage,
            tasks,
            scans: ScanSize::default(),
            received: 0,
            inputs: Vec::new(),
            output,
            hints: Vec::new(),
        };
        plan.apply(|node| {
            if let Some(boundary) = node.as_network_boundary() {
                let input = boundary.input_stage();
                note.inputs.push((input.num() as u32, input.task_count()));
                return Ok(TreeNodeRecursion::Jump);
            }
            if let Some(hint) = node.downcast_ref::<StageHintExec>() {
                note.received = note.received.max(hint.hint.bytes);
                if !note.hints.contains(&hint.hint.width.reason) {
                    note.hints.push(hint.hint.width.reason.clone());
                }
            }
            let original = node.downcast_ref::<DistributedLeafExec>().map_or(node, DistributedLeafExec::original);
            if let Some(scan) = file_scan(original) {
                note.scans += scan_size(scan);
                return Ok(TreeNodeRecursion::Jump);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(note)
    }

    /// One line: `stage 2: 3 tasks; receives about 300.0 MiB at 128.0 MiB a task, from stage 1; shuffled`.
    pub(crate) fn line(&self) -> String {
        let mut parts =
            vec![format!("stage {}: {} {}", self.stage, self.tasks, if self.tasks == 1 { "task" } else { "tasks" })];
        if self.scans.files > 0 {
            let ScanSize { file_bytes, bytes: read, files, .. } = self.scans;
            let of = if read < file_bytes {
                format!(" (the columns it needs of {})", bytes(file_bytes))
            } else {
                String::new()
            };
            parts.push(format!("reads {}{of} in {files} {}", bytes(read), if files == 1 { "file" } else { "files" }));
        }
        parts.extend(self.hints.iter().cloned());
        if !self.inputs.is_empty() {
            let inputs: Vec<_> = self.inputs.iter().map(|(stage, _)| stage.to_string()).collect();
            parts.push(format!("from stage {}", inputs.join(", ")));
        }
        let output = match self.output {
            OutputKind::Shuffle => "output is dealt out by hash",
            OutputKind::Broadcast => "output goes whole to every task above",
            OutputKind::Forward => "output goes to the coordinator",
        };
        parts.push(output.to_owned());
        parts.join("; ")
    }
}
