//! What a placed plan will roughly take, before it runs: for EXPLAIN, and for a ceiling on cost.

use std::ops::AddAssign;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::ExecutionPlan;
use serde::Serialize;

use super::cost::Cost;
use super::placement::{Place, Placed};
use super::prices::PriceBook;
use super::settings::EngineSettings;
use crate::planner::distributed::StageNote;
use crate::planner::sizing::{ScanSize, file_scan, scan_size};
use crate::protocol::OutputKind;
use crate::storage::RequestCounts;

/// Before the first byte and after the last: decoding the plan, footers, the answer. Warm; a cold start adds less than as much again.
const TASK_SECONDS: f64 = 0.15;
/// A Lambda's network through an I/O stack while its burst lasts, and for so many bytes; then its steady rate.
const BURST_BYTES_PER_SECOND: f64 = 386.0 * 1024.0 * 1024.0;
const BURST_BYTES: f64 = 300e6;
const STEADY_BYTES_PER_SECOND: f64 = 75e6;
/// Columns on disk that a vCPU decodes and works on.
const DECODED_PER_VCPU_SECOND: f64 = 100e6;
/// Rows in memory that a vCPU takes out of the exchange and works on.
const RECEIVED_PER_VCPU_SECOND: f64 = 300e6;
/// Rows in the exchange are compressed.
const EXCHANGE_RATIO: f64 = 0.5;
/// Memory that comes with one vCPU.
const VCPU_BYTES: f64 = 1769.0 * 1024.0 * 1024.0;
/// A large read is made in requests of so many bytes.
const REQUEST_BYTES: u64 = 8 * 1024 * 1024;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// An estimate, good to a small factor: it knows sizes, not how dear an expression is. Retries and cold starts are not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CostEstimate {
    pub tasks: u64,
    /// Of table data.
    pub bytes: u64,
    pub gb_seconds: f64,
    pub requests: RequestCounts,
    pub cost: Cost,
}

/// What a placed plan will take on workers and of S3; what planning took already is not in it.
pub(super) fn estimate(placed: &Placed, settings: &EngineSettings, prices: &PriceBook) -> CostEstimate {
    let mut total = CostEstimate::default();
    match &placed.place {
        Place::Here(plan) => total.scan(scans_of(plan)),
        Place::OneWorker { plan, .. } => {
            let scans = scans_of(plan);
            total.scan(scans);
            total.task(1, scans.bytes, 0, settings.worker_memory);
        }
        Place::Stages(plan) => {
            for stage in plan.stages() {
                total.stage(stage, settings.worker_memory);
            }
        }
    }
    total.requests.bytes_scanned = total.bytes;
    total.cost = Cost::of(prices, total.gb_seconds, total.tasks, &total.requests);
    total
}

impl AddAssign for CostEstimate {
    fn add_assign(&mut self, other: Self) {
        self.tasks += other.tasks;
        self.bytes += other.bytes;
        self.gb_seconds += other.gb_seconds;
        self.requests += other.requests;
        self.cost.lambda += other.cost.lambda;
        self.cost.s3 += other.cost.s3;
        self.cost.athena += other.cost.athena;
    }
}

impl CostEstimate {
    fn stage(&mut self, stage: &StageNote, memory: u64) {
        self.scan(stage.scans);
        self.task(stage.tasks as u64, stage.scans.bytes, stage.received, memory);
        // Each consumer asks each producer once.
        let producers: u64 = stage.inputs.iter().map(|(_, tasks)| *tasks as u64).sum();
        self.requests.get += producers * stage.tasks as u64;
        if stage.output != OutputKind::Forward {
            self.requests.put += stage.tasks as u64;
        }
    }

    fn scan(&mut self, size: ScanSize) {
        self.bytes += size.bytes;
        // A footer and at least one read a file.
        self.requests.get += 2 * size.files as u64 + size.bytes / REQUEST_BYTES;
    }

    fn task(&mut self, tasks: u64, read: u64, received: u64, memory: u64) {
        let each = |bytes: u64| bytes as f64 / tasks.max(1) as f64;
        let vcpus = (memory as f64 / VCPU_BYTES).max(0.1);
        let network = transfer_seconds(each(read) + each(received) * EXCHANGE_RATIO);
        let compute =
            each(read) / (vcpus * DECODED_PER_VCPU_SECOND) + each(received) / (vcpus * RECEIVED_PER_VCPU_SECOND);
        let seconds = TASK_SECONDS + network.max(compute);
        self.tasks += tasks;
        self.gb_seconds += tasks as f64 * seconds * memory as f64 / GIB;
    }
}

fn transfer_seconds(bytes: f64) -> f64 {
    bytes.min(BURST_BYTES) / BURST_BYTES_PER_SECOND + (bytes - BURST_BYTES).max(0.0) / STEADY_BYTES_PER_SECOND
}

pub(super) fn scans_of(plan: &Arc<dyn ExecutionPlan>) -> ScanSize {
    let mut size = ScanSize::default();
    // The closure cannot fail, so neither does the walk.
    let _ = plan.apply(|node| {
        if let Some(scan) = file_scan(node) {
            size += scan_size(scan);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_tasks(tasks: u64, read: u64) -> CostEstimate {
        let mut total = CostEstimate::default();
        total.task(tasks, read, 0, 2 << 30);
        total
    }

    #[test]
    fn more_workers_cost_hardly_more_while_the_work_is_larger_than_a_task_costs_by_itself() {
        let one = of_tasks(1, 10 << 30).gb_seconds;
        let sixteen = of_tasks(16, 10 << 30).gb_seconds;
        assert!(sixteen < one, "sixteen workers have sixteen bursts: {one} {sixteen}");
        let many = of_tasks(10_000, 10 << 30).gb_seconds;
        assert!(many > 10.0 * sixteen, "a task for every megabyte is mostly overhead: {many}");
    }

    #[test]
    fn a_worker_reads_fast_until_its_burst_is_spent() {
        assert!(transfer_seconds(300e6) < 1.0);
        assert!((transfer_seconds(375e6) - transfer_seconds(300e6) - 1.0).abs() < 1e-9);
    }
}
