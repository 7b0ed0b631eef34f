//! What a query did and what it cost; comes with every answer.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Cost;
use crate::coordinator::StageStats;
use crate::storage::RequestCounts;
use crate::units::{bytes, dollars};

/// Read back from JSON it has no stages: those are for showing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryStats {
    /// Rows handed out.
    pub rows: u64,
    /// Waiting for other queries to end.
    #[serde(rename = "queued_ms", serialize_with = "milliseconds", deserialize_with = "from_milliseconds")]
    pub queued: Duration,
    /// From the SQL text to a physical plan, listing and footers included.
    #[serde(rename = "planning_ms", serialize_with = "milliseconds", deserialize_with = "from_milliseconds")]
    pub planning: Duration,
    /// From the plan to the last row.
    #[serde(rename = "execution_ms", serialize_with = "milliseconds", deserialize_with = "from_milliseconds")]
    pub execution: Duration,
    /// Both; without the time in the queue.
    #[serde(rename = "total_ms", serialize_with = "milliseconds", deserialize_with = "from_milliseconds")]
    pub total: Duration,
    /// Whether workers took part.
    pub distributed: bool,
    /// Why the query ran where it did.
    pub placement: String,
    pub tasks: u32,
    pub attempts: u32,
    pub retried: u32,
    pub cold_starts: u32,
    /// Bytes of all files of the tables, before any pruning.
    pub bytes_total: u64,
    /// Of the coordinator and all workers.
    pub requests: RequestCounts,
    pub gb_seconds: f64,
    /// The most that operators held in this process, in bytes.
    pub peak_memory: u64,
    /// Bytes that operators in this process wrote to temporary files.
    pub spilled_bytes: u64,
    pub cost: Cost,
    #[serde(skip_deserializing)]
    pub stages: Vec<StageStats>,
}

fn from_milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// The bill in one line.
impl fmt::Display for QueryStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time {:.2}s", self.total.as_secs_f64())?;
        if self.queued >= Duration::from_millis(10) {
            write!(f, " (queued {:.2}s)", self.queued.as_secs_f64())?;
        }
        if self.distributed {
            write!(f, " | {} {}", self.tasks, plural(u64::from(self.tasks), "task", "tasks"))?;
            if self.retried > 0 {
                write!(f, " ({} retried)", self.retried)?;
            }
        }
        write!(f, " | scanned {}", bytes(self.requests.bytes_scanned))?;
        // Small text files are read twice, once to find their columns: then the share would confuse.
        if self.bytes_total >= self.requests.bytes_scanned && self.bytes_total > 0 {
            write!(f, " of {}", bytes(self.bytes_total))?;
        }
        if self.requests.bytes_remembered > 0 {
            write!(f, ", {} from memory", bytes(self.requests.bytes_remembered))?;
        }
        write!(f, " | {} GET", self.requests.get + self.requests.head)?;
        if self.requests.put > 0 {
            write!(f, ", {} PUT", self.requests.put)?;
        }
        if self.requests.list > 0 {
            write!(f, ", {} LIST", self.requests.list)?;
        }
        // Machines of one's own are not billed by the second.
        if self.gb_seconds > 0.0 {
            write!(f, " | {:.1} GB-s", self.gb_seconds)?;
        }
        write!(f, " | {} (Athena: {})", dollars(self.cost.total()), dollars(self.cost.athena))
    }
}

fn plural(count: u64, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_reads_in_one_line() {
        let stats = QueryStats {
            total: Duration::from_millis(1840),
            distributed: true,
            tasks: 12,
            retried: 2,
            bytes_total: 220 * 1024 * 1024,
            requests: RequestCounts { get: 118, put: 12, bytes_scanned: 32_715_571, ..RequestCounts::default() },
            gb_seconds: 9.1,
            cost: Cost { lambda: 0.00012, s3: 0.0, athena: 0.00015 },
            ..QueryStats::default()
        };
        let again: QueryStats = serde_json::from_value(serde_json::to_value(&stats).unwrap()).unwrap();
        assert_eq!(again.to_string(), stats.to_string());
        assert_eq!(
            stats.to_string(),
            "Time 1.84s | 12 tasks (2 retried) | scanned 31.2 MiB of 220.0 MiB | 118 GET, 12 PUT | 9.1 GB-s | $0.000120 (Athena: $0.000150)"
        );
    }
}
