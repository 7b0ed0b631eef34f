//! How object storage is reached.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::retry::{HedgeSettings, RetrySettings};

/// Settings of every object store of a process. What is not set here comes from the `AWS_*` environment variables.
/// Times are written as `30s`, `250ms`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageSettings {
    /// Region of the buckets; else `AWS_REGION`, `AWS_DEFAULT_REGION`, `us-east-1`.
    pub region: Option<String>,
    /// Another S3 service than AWS's, such as `http://127.0.0.1:9000`; else `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`.
    pub endpoint: Option<String>,
    /// Requests in flight over all queries of the process. Storage answers after tens of milliseconds whatever the number
    /// of cores, so this follows latency and bandwidth: 64 requests of 1 MiB at 30 ms are 2 GB/s.
    pub max_in_flight: usize,
    /// MiB of table data that are kept in memory for later queries; 0 keeps nothing. Local files are left to the system.
    pub cache_mib: u64,
    /// Longest time to connect.
    #[serde(with = "human")]
    pub connect_timeout: Duration,
    /// Longest time from a request to the head of its answer.
    #[serde(with = "human")]
    pub first_byte_timeout: Duration,
    /// Longest pause inside an answer's body.
    #[serde(with = "human")]
    pub stall_timeout: Duration,
    /// Longest time for one request, its body included.
    #[serde(with = "human")]
    pub timeout: Duration,
    /// Further tries of a request that failed.
    pub retry: RetrySettings,
    /// Second requests for answers that are late.
    pub hedge: HedgeSettings,
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self {
            region: None,
            endpoint: None,
            max_in_flight: 64,
            cache_mib: 1024,
            connect_timeout: Duration::from_secs(3),
            first_byte_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            retry: RetrySettings::default(),
            hedge: HedgeSettings::default(),
        }
    }
}

/// A time as people write it: `30s`, `1m 30s`.
pub(super) mod human {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(in crate::storage) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*value))
    }

    pub(in crate::storage) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text)
            .map_err(|error| D::Error::custom(format!("'{text}' is not a time such as 30s or 250ms: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_for_people() {
        let text = r#"{"stall_timeout": "1500ms", "retry": {"tries": 2}, "hedge": {"share": 0.0}}"#;
        let settings: StorageSettings = serde_json::from_str(text).unwrap();
        assert_eq!((settings.stall_timeout, settings.retry.tries), (Duration::from_millis(1500), 2));
        let written = serde_json::to_string(&settings).unwrap();
        assert!(written.contains(r#""stall_timeout":"1s 500ms""#), "{written}");
        assert_eq!(serde_json::from_str::<StorageSettings>(&written).unwrap(), settings);
        let error = serde_json::from_str::<StorageSettings>(r#"{"timeout": "soon"}"#).unwrap_err();
        assert!(error.to_string().contains("'soon' is not a time"), "{error}");
    }
}
