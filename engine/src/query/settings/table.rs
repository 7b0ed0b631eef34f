//! The settings that a session may change, one line each.

use super::EngineSettings;
use super::value::{Given, put};
use crate::error::Result;

pub(super) type Setter = fn(&mut EngineSettings, &Given<'_>) -> Result<()>;

/// Names without their prefix `arachne.`, and what each of them does with a value.
pub(super) const SETTINGS: &[(&str, Setter)] = &[
    ("compute", |all, given| put(&mut all.compute, given.text().parse())),
    ("exchange", |all, given| put(&mut all.exchange, Ok(Some(given.text().to_owned())))),
    ("max_workers", |all, given| put(&mut all.max_workers, given.count())),
    ("max_in_flight", |all, given| put(&mut all.max_in_flight, given.count())),
    ("combine_above", |all, given| put(&mut all.combine_above, given.count())),
    ("bytes_per_task", |all, given| put(&mut all.bytes_per_task, given.bytes().map(|bytes| bytes.max(1)))),
    ("tasks_per_stage", |all, given| put(&mut all.tasks_per_stage, given.counts())),
    ("broadcast_bytes", |all, given| put(&mut all.broadcast_bytes, given.bytes().map(Some))),
    ("worker_memory", |all, given| put(&mut all.worker_memory, given.bytes())),
    ("partitions_per_task", |all, given| put(&mut all.partitions_per_task, given.count().map(|count| count.max(1)))),
    ("local_bytes", |all, given| put(&mut all.local_bytes, given.bytes())),
    ("merge_groups", |all, given| put(&mut all.merge_groups, given.count())),
    ("local_partitions", |all, given| put(&mut all.local_partitions, given.count_or_none())),
    ("read_ahead", |all, given| {
        let streams = given.count().map(|streams| all.read_ahead.with_streams(streams.max(1)));
        put(&mut all.read_ahead, streams)
    }),
    // Limits: a session may go below the process's, never above.
    ("max_bytes_scanned", |all, given| given.lower(&mut all.limits.max_bytes_scanned, given.bytes())),
    ("max_time", |all, given| given.lower(&mut all.limits.max_time, given.duration())),
    ("max_result_rows", |all, given| {
        given.lower(&mut all.limits.max_result_rows, given.count().map(|rows| rows as u64))
    }),
    ("max_cost", |all, given| given.lower(&mut all.limits.max_cost, given.dollars())),
    ("memory_per_query", |all, given| given.lower(&mut all.limits.memory_per_query, given.bytes())),
];
