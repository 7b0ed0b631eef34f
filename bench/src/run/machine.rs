//! Where and when a run was made.

use std::fs::read_to_string;

use anyhow::{Context, Result};
use arrow::temporal_conversions::timestamp_ms_to_datetime;
use serde::{Deserialize, Serialize};

use crate::processes::kilobytes;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: u64,
    pub(crate) kernel: String,
}

impl Machine {
    pub(crate) fn this() -> Result<Self> {
        let cpus = read_to_string("/proc/cpuinfo")?;
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Self {
            cpu: model.map_or("unknown", |(_, model)| model.trim()).to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_bytes: kilobytes(&read_to_string("/proc/meminfo")?, "MemTotal:").context("the machine's memory")?,
            kernel: read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        })
    }

    /// In one line.
    pub(crate) fn describe(&self) -> String {
        let gib = self.memory_bytes as f64 / (1 << 30) as f64;
        format!("{}, {} cores, {gib:.0} GiB of memory, Linux {}", self.cpu, self.cores, self.kernel)
    }
}

/// `2026-11-23 01:02:03` in UTC, of milliseconds since 1970.
pub(crate) fn date(unix_ms: i64) -> String {
    timestamp_ms_to_datetime(unix_ms).map(|date| date.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_in_utc() {
        assert_eq!(date(1_700_000_000_000), "2023-11-14 22:13:20");
    }
}
