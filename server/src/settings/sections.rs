//! The sections and their defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use arachne_engine::query::{Compute, EngineSettings};
use arachne_engine::storage::StorageSettings;
use arachne_lambda::TwoLevelSettings;
use serde::{Deserialize, Serialize};

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
    pub http: HttpSettings,
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
    /// `embedded`: this process; `lambda`: one AWS Lambda invocation a task.
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
    /// A query that reads no more stays in the coordinator.
    pub local_bytes: ByteSize,
    pub lambda: LambdaSection,
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
            local_bytes: ByteSize(engine.local_bytes),
            lambda: LambdaSection::default(),
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
}

impl Default for LimitSettings {
    fn default() -> Self {
        let engine = EngineSettings::default();
        Self { memory: ByteSize(engine.memory_bytes as u64), spill_dir: None, spill: ByteSize(engine.spill_bytes) }
    }
}

/// The HTTP door.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Where to listen: a loopback address, because there are no credentials yet.
    pub address: SocketAddr,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8642)) }
    }
}
