//! Deals a table's files out to the tasks of a stage.
//!
//! datafusion-distributed's own splitter cuts compressed and multi-line text in the middle, and fails on small and on ordered scans.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::listing::{FileRange, PartitionedFile};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion_distributed::{DistributedLeafExec, ScaleUpLeafNodeEvent, ScaleUpLeafNodeEventResponse};

use crate::planner::sizing::is_splittable;

/// Pieces of a file are not made smaller than this: each piece costs requests of its own.
const MIN_PIECE_BYTES: u64 = 1024 * 1024;

pub(super) fn split_leaf(event: ScaleUpLeafNodeEvent<'_>) -> Option<Result<ScaleUpLeafNodeEventResponse>> {
    let leaf = event.plan.downcast_ref::<DataSourceExec>()?;
    let scan = leaf.data_source().downcast_ref::<FileScanConfig>()?;
    let partitions = event.plan.output_partitioning().partition_count().max(1);
    // Without its files, which each task's copy would copy only to drop them.
    let mut bare = scan.clone();
    bare.file_groups = Vec::new();
    let variants = deal(scan, event.task_count, partitions).into_iter().map(|groups| {
        let mut part = bare.clone();
        part.file_groups = groups;
        DataSourceExec::from_data_source(part) as _
    });
    let leaf = DistributedLeafExec::try_new(Arc::clone(event.plan), variants);
    Some(leaf.map(|leaf| ScaleUpLeafNodeEventResponse::new(Arc::new(leaf))))
}

/// For each task exactly `partitions` groups; those without a file stay empty.
fn deal(scan: &FileScanConfig, tasks: usize, partitions: usize) -> Vec<Vec<FileGroup>> {
    let bins = tasks * partitions;
    let groups = if is_ordered(scan) {
        whole_groups(&scan.file_groups, bins)
    } else {
        balanced(pieces(&scan.file_groups, bins, is_splittable(scan)), bins)
    };
    // Bins are filled in order of bin; dealing them round robin spreads neighbours over tasks.
    let mut dealt: Vec<Vec<FileGroup>> = vec![Vec::with_capacity(partitions); tasks];
    for (index, group) in groups.into_iter().enumerate() {
        dealt[index % tasks].push(group);
    }
    dealt
}

fn is_ordered(scan: &FileScanConfig) -> bool {
    !scan.output_ordering.is_empty()
}

/// A group of an ordered scan is one sorted run: it is moved as a whole. Where there are more groups than bins, some bin holds the
/// files of several runs and the order would be lost, so the planner must not have promised it: bins are at least as many as
/// groups, since a leaf keeps its partition count in every task.
fn whole_groups(groups: &[FileGroup], bins: usize) -> Vec<FileGroup> {
    let mut all = groups.to_vec();
    debug_assert!(all.len() <= bins, "{} ordered groups for {bins} bins", all.len());
    all.resize(bins.max(all.len()), FileGroup::new(Vec::new()));
    all
}

/// Files, the large ones cut into byte ranges where the format allows. Bounds of columns stay behind: they are a large part of an
/// encoded scan, and a worker reads the footer that has them.
fn pieces(groups: &[FileGroup], bins: usize, splittable: bool) -> Vec<PartitionedFile> {
    let files: Vec<&PartitionedFile> = groups.iter().flat_map(|group| group.files()).collect();
    let total: u64 = files.iter().map(|file| file.effective_size()).sum();
    let target = total.div_ceil(bins as u64).max(MIN_PIECE_BYTES);
    let mut pieces = Vec::with_capacity(files.len());
    for file in files {
        let bare = PartitionedFile { statistics: None, extensions: Default::default(), ..file.clone() };
        if splittable {
            pieces.extend(cut(bare, target));
        } else {
            pieces.push(bare);
        }
    }
    pieces
}

/// Equal pieces of at most `target` bytes, give or take the rounding.
fn cut(file: PartitionedFile, target: u64) -> Vec<PartitionedFile> {
    let start = file.range.as_ref().map_or(0, |range| range.start as u64);
    let end = file.range.as_ref().map_or(file.object_meta.size, |range| range.end as u64);
    let count = (end - start).div_ceil(target);
    if count <= 1 {
        return vec![file];
    }
    let piece = (end - start).div_ceil(count);
    (0..count)
        .map(|index| {
            let from = start + index * piece;
            let mut part = file.clone();
            part.range = Some(FileRange { start: from as i64, end: (from + piece).min(end) as i64 });
            part
        })
        .collect()
}

/// Largest first into the emptiest bin, and among the emptiest into the one with the fewest files.
fn balanced(mut files: Vec<PartitionedFile>, bins: usize) -> Vec<FileGroup> {
    files.sort_by_key(|file| Reverse(file.effective_size()));
    let mut filled: Vec<Vec<PartitionedFile>> = vec![Vec::new(); bins];
    let mut emptiest: BinaryHeap<Reverse<(u64, usize, usize)>> = (0..bins).map(|bin| Reverse((0, 0, bin))).collect();
    for file in files {
        let Some(Reverse((bytes, count, bin))) = emptiest.pop() else { break };
        emptiest.push(Reverse((bytes + file.effective_size(), count + 1, bin)));
        filled[bin].push(file);
    }
    filled.into_iter().map(FileGroup::new).collect()
}
