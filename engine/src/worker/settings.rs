//! What a worker may use.

use std::path::PathBuf;

use crate::storage::{ReadAhead, StorageSettings};

/// Part of the function's memory that queries may use; the rest is for the program, decoders and network buffers.
const QUERY_SHARE_OF_MEMORY: f64 = 0.6;

/// A warm worker keeps what it has read in this part of the function's memory: one in so many.
const SHARE_OF_CACHE: u64 = 8;

#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Bytes that operators may hold before they spill or fail.
    pub memory_bytes: usize,
    /// Where operators spill to; the system's temporary folder if not set.
    pub spill_dir: Option<PathBuf>,
    /// Most bytes on disk for spilling.
    pub spill_bytes: u64,
    pub read_ahead: ReadAhead,
    pub storage: StorageSettings,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            memory_bytes: 1024 * 1024 * 1024,
            spill_dir: None,
            spill_bytes: 10 * 1024 * 1024 * 1024,
            read_ahead: ReadAhead::default(),
            storage: StorageSettings::default(),
        }
    }
}

impl WorkerSettings {
    /// Sizes a worker by the environment that Lambda gives a function
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>): memory by `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`
    /// (MB), spilling to the temporary folder, of which 512 MB are there unless configured otherwise (`ARACHNE_WORKER__SPILL_MB`).
    /// `ARACHNE_WORKER__CACHE_MIB` is what it keeps of what it has read, `ARACHNE_WORKER__READ_AHEAD` how many files of a scan it reads
    /// at once (16).
    pub fn from_lambda_env() -> Self {
        let memory_mb =
            std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|value| value.parse::<usize>().ok());
        let Some(memory_mb) = memory_mb else { return Self::default() };
        let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
        let spill_mb = number("ARACHNE_WORKER__SPILL_MB");
        let cache_mib = number("ARACHNE_WORKER__CACHE_MIB").unwrap_or(memory_mb as u64 / SHARE_OF_CACHE);
        // Whatever the size of the files: more of them at once is what more workers are for, and S3 has its limits.
        let usual = ReadAhead::default().in_flight;
        let streams = number("ARACHNE_WORKER__READ_AHEAD").map_or(usual, |streams| streams.max(1) as usize);
        let buffer_bytes = memory_mb as u64 * 1024 * 1024 / 4;
        Self {
            memory_bytes: (memory_mb as f64 * QUERY_SHARE_OF_MEMORY) as usize * 1024 * 1024,
            spill_bytes: spill_mb.unwrap_or(480) * 1024 * 1024,
            storage: StorageSettings { cache_mib, ..StorageSettings::default() },
            read_ahead: ReadAhead { buffer_bytes, ..ReadAhead::default().with_streams(streams) },
            ..Self::default()
        }
    }
}
