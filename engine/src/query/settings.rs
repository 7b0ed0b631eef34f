//! How queries run. Plain values; a session may change those of [`table`] with `SET arachne.name = value`.

mod table;
mod value;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::table::SETTINGS;
use self::value::Given;
use super::limits::QueryLimits;
use crate::coordinator::{COMBINE_ABOVE, RetryPolicy};
use crate::error::{Error, ErrorCode, Result};
use crate::planner::distributed::CutSettings;
use crate::planner::sizing::{Limits, Width};
use crate::storage::ReadAhead;

/// What runs the tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compute {
    /// The coordinator's own process.
    #[default]
    Embedded,
    /// One AWS Lambda invocation a task.
    Lambda,
    /// Workers on machines of one's own.
    Cluster,
}

impl FromStr for Compute {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "embedded" => Ok(Self::Embedded),
            "lambda" => Ok(Self::Lambda),
            "cluster" => Ok(Self::Cluster),
            other => Err(Error::new(ErrorCode::InvalidArgument, format!("unknown compute '{other}'"))
                .with_hint("use embedded, lambda or cluster")),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EngineSettings {
    pub compute: Compute,
    /// `s3://bucket/prefix/` for rows between stages. Needed by `lambda` for queries of several stages.
    pub exchange: Option<String>,
    /// `http://host:port` of the workers of compute `cluster`. Only whoever runs the process says so.
    pub cluster_workers: Vec<String>,
    /// Tasks of one stage at most.
    pub max_workers: usize,
    /// Invocations in flight at most.
    pub max_in_flight: usize,
    /// Shuffles of more producers times consumers are read through a stage that combines outputs.
    pub combine_above: usize,
    /// Bytes of table data (on disk, after pruning) that one task is given. Past some 300 MB a Lambda's network drops from
    /// its burst to 75 MB/s.
    pub bytes_per_task: u64,
    /// Tasks of a stage, whatever the size: one number for all, or `3,7,1` for the stages of a plan in turn (those that read tables
    /// and those that read others are counted apart).
    /// Empty: by size.
    pub tasks_per_stage: Vec<usize>,
    /// The build side of a join up to this size is sent whole to every task instead of shuffling both sides; 32 MiB if not set.
    pub broadcast_bytes: Option<u64>,
    /// Memory of the worker function: bounds what a task that reads other stages is given, and prices estimates.
    pub worker_memory: u64,
    /// Threads' worth of work in a task: the vCPUs of the function.
    pub partitions_per_task: usize,
    /// A query that reads no more stays in the coordinator.
    pub local_bytes: u64,
    /// An aggregate of at most so many groups is merged in the coordinator.
    pub merge_groups: usize,
    /// Partitions of a query that runs in the coordinator; its cores if not set.
    pub local_partitions: Option<usize>,
    /// Bytes that operators of all queries in this process may hold.
    pub memory_bytes: usize,
    pub spill_dir: Option<PathBuf>,
    pub spill_bytes: u64,
    pub read_ahead: ReadAhead,
    pub task_timeout: Duration,
    pub retry: RetryPolicy,
    /// What one query may take at most.
    pub limits: QueryLimits,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            compute: Compute::Embedded,
            exchange: None,
            cluster_workers: Vec::new(),
            max_workers: 256,
            max_in_flight: 256,
            combine_above: COMBINE_ABOVE as usize,
            bytes_per_task: 128 * MIB,
            tasks_per_stage: Vec::new(),
            broadcast_bytes: None,
            worker_memory: 1769 * MIB,
            partitions_per_task: 2,
            local_bytes: 8 * MIB,
            merge_groups: 1_000_000,
            local_partitions: None,
            memory_bytes: 4 * 1024 * MIB as usize,
            spill_dir: None,
            spill_bytes: 100 * 1024 * MIB,
            read_ahead: ReadAhead::default(),
            task_timeout: Duration::from_secs(300),
            retry: RetryPolicy::default(),
            limits: QueryLimits::default(),
        }
    }
}

const MIB: u64 = 1024 * 1024;

impl EngineSettings {
    /// Names that [`set`](Self::set) takes, without their prefix `arachne.`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SETTINGS.iter().map(|(name, _)| *name)
    }

    /// Changes one setting by name, with or without the prefix `arachne.`.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that does not exist, or a value that is not of its kind; `PermissionDenied` for a limit
    /// above the one that is in force.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let name = name.strip_prefix("arachne.").unwrap_or(name);
        let Some((_, set)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = Self::names().map(|name| format!("arachne.{name}")).collect();
            return Err(Error::new(ErrorCode::InvalidArgument, format!("there is no setting 'arachne.{name}'"))
                .with_hint(format!("settings: {}", known.join(", "))));
        };
        set(self, &Given { name, value })
    }

    /// How wide plans are cut.
    pub(crate) fn cut(&self) -> CutSettings {
        // Of what a task receives it may build a hash table, and the copy that grows beside it; the rest is for decoding and buffers.
        let received = (self.worker_memory / 4).min(self.bytes_per_task).max(1);
        let width = |bytes| match &self.tasks_per_stage[..] {
            [] => Width::BytesPerTask(bytes),
            tasks => Width::Tasks(tasks.to_vec()),
        };
        CutSettings {
            width: width(self.bytes_per_task),
            received: width(received),
            limits: Limits { max_tasks: self.max_workers, in_flight: self.max_in_flight },
            merge_groups: self.merge_groups,
            broadcast_bytes: self.broadcast_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_set_by_name() {
        let mut settings = EngineSettings::default();
        settings.set("arachne.bytes_per_task", "1.5MiB").unwrap();
        settings.set("compute", "lambda").unwrap();
        settings.set("tasks_per_stage", "7").unwrap();
        assert_eq!(settings.bytes_per_task, 1_572_864);
        assert_eq!(settings.compute, Compute::Lambda);
        assert_eq!(settings.cut().width, Width::Tasks(vec![7]));
        settings.set("tasks_per_stage", "3, 7,1").unwrap();
        assert_eq!(settings.cut().width, Width::Tasks(vec![3, 7, 1]));
        settings.set("tasks_per_stage", "0").unwrap();
        assert_eq!(settings.cut().width, Width::BytesPerTask(1_572_864));
        assert!(settings.set("tasks_per_stage", "3,0").is_err());
    }

    #[test]
    fn every_name_is_known_and_others_are_refused_with_the_list() {
        for name in EngineSettings::names() {
            let value = if name == "compute" { "embedded" } else { "1" };
            EngineSettings::default().set(name, value).unwrap();
        }
        let error = EngineSettings::default().set("arachne.colour", "red").unwrap_err();
        assert!(error.hint.unwrap().contains("arachne.max_workers"));
        let error = EngineSettings::default().set("bytes_per_task", "lots").unwrap_err();
        assert!(error.message.contains("lots"));
    }

    #[test]
    fn a_limit_is_only_lowered() {
        let mut settings = EngineSettings::default();
        settings.set("max_time", "1.5m").unwrap();
        settings.set("max_time", "30s").unwrap();
        assert_eq!(settings.limits.max_time, Some(Duration::from_secs(30)));
        let error = settings.set("max_time", "31s").unwrap_err();
        assert!(error.code == ErrorCode::PermissionDenied && error.hint.unwrap().contains("limits.max_time"));
        settings.set("max_cost", "$0.25").unwrap();
        assert_eq!(settings.limits.max_cost, Some(0.25));
        assert!(settings.set("max_cost", "-1").is_err() && settings.set("max_cost", "NaN").is_err());
    }
}
