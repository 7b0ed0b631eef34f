//! The sections and their defaults.

use std::path::PathBuf;

use arachne_engine::query::{Compute, EngineSettings, QueueLimits, RetentionSettings};
use arachne_engine::storage::StorageSettings;
use arachne_lambda::TwoLevelSettings;
use serde::{Deserialize, Serialize};

use super::access::AccessSettings;
use super::doors::{FlightSqlSettings, HttpSettings, ShutdownSettings, TelemetrySettings, TlsSettings};
use super::{ByteSize, HumanDuration};

/// Everything that can be set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub catalog: CatalogSettings,
    pub storage: StorageSettings,
    pub compute: ComputeSettings,
    pub exchange: ExchangeSettings,
    pub prices: PriceSettings,
    pub limits: LimitSettings,
    pub results: ResultSettings,
    pub history: HistorySettings,
    pub http: HttpSettings,
    pub flight_sql: FlightSqlSettings,
    pub tls: TlsSettings,
    pub access: AccessSettings,
    pub telemetry: TelemetrySettings,
    pub shutdown: ShutdownSettings,
}

/// Where table definitions are kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogSettings {
    /// The SQLite file; by default `arachne/catalog.sqlite` in the user's data folder.
    pub path: Option<PathBuf>,
}

/// What runs the tasks of a query, and how many of them. Defaults are the engine's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ComputeSettings {
    /// `embedded`: this process; `lambda`: one AWS Lambda invocation a task; `cluster`: workers on machines of one's own.
    pub mode: Compute,
    /// Tasks of one stage at most.
    pub max_workers: usize,
    /// Invocations in flight at most.
    pub max_in_flight: usize,
    /// Table data that one task is given.
    pub bytes_per_task: ByteSize,
    /// Tasks of a stage that reads tables, whatever the size.
    pub tasks_per_stage: Option<usize>,
    /// The vCPUs of the function.
    pub partitions_per_task: usize,
    /// The memory of the function: bounds what a task that reads other stages is given, and prices estimates.
    pub worker_memory: ByteSize,
    /// A query that reads no more stays in the coordinator.
    pub local_bytes: ByteSize,
    pub lambda: LambdaSection,
    pub cluster: ClusterSection,
}

impl Default for ComputeSettings {
    fn default() -> Self {
        let engine = EngineSettings::default();
        Self {
            mode: engine.compute,
            max_workers: engine.max_workers,
            max_in_flight: engine.max_in_flight,
            bytes_per_task: ByteSize(engine.bytes_per_task),
            tasks_per_stage: engine.tasks_per_stage.first().copied(),
            partitions_per_task: engine.partitions_per_task,
            worker_memory: ByteSize(engine.worker_memory),
            local_bytes: ByteSize(engine.local_bytes),
            lambda: LambdaSection::default(),
            cluster: ClusterSection::default(),
        }
    }
}

/// The worker function.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LambdaSection {
    /// Name or ARN.
    pub function: Option<String>,
    /// Another endpoint than AWS's own, such as a sandbox; by default `AWS_ENDPOINT_URL_LAMBDA`, else AWS.
    pub endpoint: Option<String>,
    /// By default what the AWS configuration says.
    pub region: Option<String>,
    /// What one attempt at a task may take.
    pub timeout: HumanDuration,
    /// With more invocations than this under way, workers start workers.
    pub two_level_above: usize,
}

impl Default for LambdaSection {
    fn default() -> Self {
        let timeout = HumanDuration(EngineSettings::default().task_timeout);
        let two_level_above = TwoLevelSettings::default().above;
        Self { function: None, endpoint: None, region: None, timeout, two_level_above }
    }
}

/// The workers that the user keeps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSection {
    /// `["http://host:port", ...]`, each started as `arachne worker --cluster`.
    pub workers: Vec<String>,
}

/// Where rows pass between stages.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExchangeSettings {
    /// `s3://bucket/prefix/`, written and read by coordinator and workers.
    pub location: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceSettings {
    /// A price book instead of the one that came with the program.
    pub file: Option<PathBuf>,
}

/// What one process may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Memory for hash tables and sorts of all queries; beyond it they spill to disk.
    pub memory: ByteSize,
    /// Where they spill to; the system's folder for temporary files by default.
    pub spill_dir: Option<PathBuf>,
    /// Disk that they may fill.
    pub spill: ByteSize,
    /// Of that memory, what one query may take.
    pub memory_per_query: Option<ByteSize>,
    /// Table data that one query may read.
    pub max_bytes_scanned: Option<ByteSize>,
    /// How long one query may take, from the start of planning to the last row.
    pub max_time: Option<HumanDuration>,
    /// A query with more rows fails.
    pub max_result_rows: Option<u64>,
    /// US dollars that one query may cost.
    pub max_cost: Option<f64>,
    /// Queries that run at once; further ones wait.
    pub concurrent_queries: usize,
    /// Of one user.
    pub concurrent_queries_per_user: Option<usize>,
    /// Queries that wait; further ones are refused.
    pub queued_queries: usize,
}

/// Where the rows of queries go that are submitted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResultSettings {
    /// `s3://bucket/prefix/` or a folder; by default the folder `results` beside the catalog.
    pub location: Option<String>,
}

/// How long ended queries are remembered, and their rows kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistorySettings {
    pub max_queries: usize,
    pub max_age: HumanDuration,
}

impl Default for HistorySettings {
    fn default() -> Self {
        let RetentionSettings { max_queries, max_age } = RetentionSettings::default();
        Self { max_queries, max_age: HumanDuration(max_age) }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let engine = EngineSettings::default();
        let queue = QueueLimits::default();
        Self {
            memory: ByteSize(engine.memory_bytes as u64),
            spill_dir: None,
            spill: ByteSize(engine.spill_bytes),
            memory_per_query: None,
            max_bytes_scanned: None,
            max_time: None,
            max_result_rows: None,
            max_cost: None,
            concurrent_queries: queue.concurrent,
            concurrent_queries_per_user: queue.concurrent_per_user,
            queued_queries: queue.queued,
        }
    }
}
