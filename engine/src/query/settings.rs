//! How queries run. Plain values; a session may change them with `SET arachne.name = value`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coordinator::RetryPolicy;
use crate::error::{Error, ErrorCode, Result};
use crate::planner::sizing::Width;
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
}

impl FromStr for Compute {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "embedded" => Ok(Self::Embedded),
            "lambda" => Ok(Self::Lambda),
            other => Err(Error::new(ErrorCode::InvalidArgument, format!("unknown compute '{other}'"))
                .with_hint("use embedded or lambda")),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct EngineSettings {
    pub compute: Compute,
    /// `s3://bucket/prefix/` for rows between stages. Needed by `lambda` for queries of several stages.
    pub exchange: Option<String>,
    /// Tasks of one stage at most.
    pub max_workers: usize,
    /// Invocations in flight at most.
    pub max_in_flight: usize,
    /// Bytes of table data (on disk, after pruning) that one task is given. Past some 300 MB a Lambda's network drops from
    /// its burst to 75 MB/s.
    pub bytes_per_task: u64,
    /// Tasks of a stage that reads tables, whatever the size.
    pub tasks_per_stage: Option<usize>,
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
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            compute: Compute::Embedded,
            exchange: None,
            max_workers: 256,
            max_in_flight: 256,
            bytes_per_task: 128 * MIB,
            tasks_per_stage: None,
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
        }
    }
}

const MIB: u64 = 1024 * 1024;

impl EngineSettings {
    /// Names that [`set`](Self::set) takes, without their prefix `arachne.`.
    pub const NAMES: [&str; 11] = [
        "compute",
        "exchange",
        "max_workers",
        "max_in_flight",
        "bytes_per_task",
        "tasks_per_stage",
        "partitions_per_task",
        "local_bytes",
        "merge_groups",
        "local_partitions",
        "read_ahead",
    ];

    /// Changes one setting by name, with or without the prefix `arachne.`.
    ///
    /// # Errors
    /// `InvalidArgument` for a name that does not exist, or a value that is not of its kind.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let name = name.strip_prefix("arachne.").unwrap_or(name);
        match name {
            "compute" => self.compute = value.parse()?,
            "exchange" => self.exchange = Some(value.to_owned()),
            "max_workers" => self.max_workers = count(name, value)?,
            "max_in_flight" => self.max_in_flight = count(name, value)?,
            "bytes_per_task" => self.bytes_per_task = parse_bytes(name, value)?.max(1),
            "tasks_per_stage" => self.tasks_per_stage = Some(count(name, value)?).filter(|tasks| *tasks > 0),
            "partitions_per_task" => self.partitions_per_task = count(name, value)?.max(1),
            "local_bytes" => self.local_bytes = parse_bytes(name, value)?,
            "merge_groups" => self.merge_groups = count(name, value)?,
            "local_partitions" => self.local_partitions = Some(count(name, value)?).filter(|count| *count > 0),
            "read_ahead" => self.read_ahead.in_flight = count(name, value)?.max(1),
            _ => {
                return Err(Error::new(ErrorCode::InvalidArgument, format!("there is no setting 'arachne.{name}'"))
                    .with_hint(format!("settings: {}", Self::NAMES.map(|name| format!("arachne.{name}")).join(", "))));
            }
        }
        Ok(())
    }

    pub(crate) fn width(&self) -> Width {
        match self.tasks_per_stage {
            Some(tasks) => Width::Tasks(tasks),
            None => Width::BytesPerTask(self.bytes_per_task),
        }
    }
}

fn count(name: &str, value: &str) -> Result<usize> {
    value.trim().parse().map_err(|_| {
        Error::new(ErrorCode::InvalidArgument, format!("arachne.{name} wants a whole number, not '{value}'"))
    })
}

/// `64MiB`, `8 MB`, `1048576`.
fn parse_bytes(name: &str, value: &str) -> Result<u64> {
    let text = value.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1024.0 * 1024.0,
        "g" | "gb" | "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => f64::NAN,
    };
    match number.parse::<f64>() {
        Ok(number) if factor.is_finite() => Ok((number * factor) as u64),
        _ => Err(Error::new(ErrorCode::InvalidArgument, format!("arachne.{name} wants a size, not '{value}'"))
            .with_hint("write it as 64MiB")),
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
        assert_eq!(settings.width(), Width::Tasks(7));
        settings.set("tasks_per_stage", "0").unwrap();
        assert_eq!(settings.tasks_per_stage, None);
    }

    #[test]
    fn every_name_is_known_and_others_are_refused_with_the_list() {
        for name in EngineSettings::NAMES {
            let value = if name == "compute" { "embedded" } else { "1" };
            EngineSettings::default().set(name, value).unwrap();
        }
        let error = EngineSettings::default().set("arachne.colour", "red").unwrap_err();
        assert!(error.hint.unwrap().contains("arachne.max_workers"));
        let error = EngineSettings::default().set("bytes_per_task", "lots").unwrap_err();
        assert!(error.message.contains("lots"));
    }
}
