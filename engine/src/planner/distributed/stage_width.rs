//! Answers the cut's question how many tasks a node wants.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{StatisticsArgs, StatisticsContext};
use datafusion_distributed::{DesiredTaskCountEvent, DesiredTaskCountEventResponse, DesiredTaskCountHandler};

use super::cut::CutSettings;
use super::stage_hints::StageHintExec;
use crate::planner::sizing::{Choices, Width, estimated_bytes, few_groups, file_scan, scan_size};
use crate::units::bytes;

/// Sizes the stages of one session's plans.
pub(super) struct StageWidth {
    settings: CutSettings,
    choices: Choices,
    /// Scans seen so far; the planner walks a plan in the same order every time.
    scans: AtomicUsize,
}

impl StageWidth {
    pub(super) fn new(settings: CutSettings, choices: Choices) -> Self {
        Self { settings, choices, scans: AtomicUsize::new(0) }
    }

    /// Merging few groups in the coordinator saves a stage, its invocations and its exchange.
    fn aggregate(&self, aggregate: &AggregateExec) -> Option<DesiredTaskCountEventResponse> {
        if !matches!(aggregate.mode(), AggregateMode::Final | AggregateMode::FinalPartitioned) {
            return None;
        }
        let keys: Vec<_> = aggregate.group_expr().expr().iter().map(|(_, name)| name.as_str()).collect();
        let keys = keys.join(", ");
        let limit = self.settings.merge_groups;
        match few_groups(aggregate, limit) {
            Some(why) => {
                self.choices.add(format!("groups by [{keys}] are merged in one place: {why}"));
                Some(DesiredTaskCountEventResponse::maximum(1))
            }
            None => {
                self.choices.add(format!(
                    "groups by [{keys}] are spread: nothing says that there are at most {limit} (arachne.merge_groups)"
                ));
                None
            }
        }
    }

    /// The library itself turns a join that collects its build side, and may put it out, into one that shuffles both: after the pass
    /// that leaves hints.
    fn join_without_hints(&self, join: &HashJoinExec) -> Option<DesiredTaskCountEventResponse> {
        let by_size = matches!(self.settings.received, Width::BytesPerTask(_));
        let sides = [join.left(), join.right()];
        let inputs: Vec<_> = sides.iter().filter_map(|side| side.downcast_ref::<RepartitionExec>()).collect();
        if !by_size || join.partition_mode() != &PartitionMode::Partitioned || inputs.len() < sides.len() {
            return None;
        }
        let received = inputs.into_iter().map(|input| estimated_bytes(input.input())).fold(0, u64::saturating_add);
        let width = self.settings.received.tasks_for(received, usize::MAX, 0, self.settings.limits);
        Some(DesiredTaskCountEventResponse::maximum(width.tasks))
    }

    fn note_join(&self, join: &HashJoinExec, options: &ConfigOptions) {
        let on: Vec<_> = join.on().iter().map(|(left, right)| format!("{left} = {right}")).collect();
        let statistics = StatisticsContext::new().compute(join.left().as_ref(), &StatisticsArgs::new());
        let size = statistics.ok().and_then(|known| known.total_byte_size.get_value().copied());
        let size = size.map_or("of unknown size".to_owned(), |size| format!("of about {}", bytes(size as u64)));
        let limit = bytes(options.optimizer.hash_join_single_partition_threshold as u64);
        let how = match join.partition_mode() {
            PartitionMode::CollectLeft => "is sent whole to every task",
            PartitionMode::Partitioned | PartitionMode::Auto => "is shuffled, and so is the other side",
        };
        self.choices.add(format!(
            "join on [{}]: the build side, {size}, {how} (arachne.broadcast_bytes is {limit})",
            on.join(", ")
        ));
    }
}

#[async_trait]
impl DesiredTaskCountHandler for StageWidth {
    async fn handle(&self, event: DesiredTaskCountEvent<'_>) -> Option<Result<DesiredTaskCountEventResponse>> {
        if let Some(aggregate) = event.plan.downcast_ref::<AggregateExec>() {
            return self.aggregate(aggregate).map(Ok);
        }
        if let Some(join) = event.plan.downcast_ref::<HashJoinExec>() {
            self.note_join(join, event.session_config.options());
            return self.join_without_hints(join).map(Ok);
        }
        if let Some(hint) = event.plan.downcast_ref::<StageHintExec>() {
            // A maximum outweighs the width of the stages below, upwards as well as downwards.
            return Some(Ok(DesiredTaskCountEventResponse::maximum(hint.hint.width.tasks)));
        }
        let size = scan_size(file_scan(event.plan)?);
        let nth = self.scans.fetch_add(1, Ordering::Relaxed);
        let width = self.settings.width.tasks_for(size.bytes, size.pieces, nth, self.settings.limits);
        let (files, read) = (size.files, bytes(size.bytes));
        self.choices.add(format!("scan of {files} files: {} tasks for {read}, {}", width.tasks, width.reason));
        Some(Ok(DesiredTaskCountEventResponse::desired(width.tasks)))
    }
}
