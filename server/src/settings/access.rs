//! Who may come in, what they may do, and within which limits (docs/security.md, docs/access.md).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use arachne_engine::query::Compute;
use serde::{Deserialize, Serialize};

use super::{ByteSize, HumanDuration};
use crate::auth::{Secret, TokenEntry, UserEntry};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// A TOML file with `users` and `tokens`, beside those below.
    pub credentials: Option<PathBuf>,
    /// `[access.users.ana]`, or `ARACHNE_ACCESS__USERS__ANA__PASSWORD`.
    pub users: BTreeMap<String, UserEntry>,
    pub tokens: BTreeMap<String, TokenEntry>,
    /// Any text that others do not know. Servers that share it know each other's tokens and tickets, and a server knows its own
    /// again after a restart; without one they end with the process.
    pub signing_key: Option<Secret>,
    /// How long the tokens are valid that a Flight SQL client is given for its password.
    pub token_lifetime: HumanDuration,
    /// `[[access.grants]]`; without any, whoever has come in may do everything.
    pub grants: Option<Vec<GrantEntry>>,
    /// `[access.workgroups.analysts]`.
    pub workgroups: BTreeMap<String, WorkgroupEntry>,
    pub locations: LocationSettings,
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            credentials: None,
            users: BTreeMap::new(),
            tokens: BTreeMap::new(),
            signing_key: None,
            token_lifetime: HumanDuration(Duration::from_secs(12 * 3600)),
            grants: None,
            workgroups: BTreeMap::new(),
            locations: LocationSettings::default(),
        }
    }
}

/// `{ to = "workgroup:analysts", on = "sales.*", level = "read" }`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantEntry {
    /// `user:NAME`, `workgroup:NAME` or `everyone`.
    pub to: String,
    /// `*`, `database.*`, `database.table` or `s3://bucket/prefix/`.
    pub on: String,
    /// `read`, `write` or `admin`.
    pub level: String,
}

/// A group of users: limits, a place for results, a compute. What is not set is as the process has it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkgroupEntry {
    pub max_bytes_scanned: Option<ByteSize>,
    pub max_time: Option<HumanDuration>,
    pub max_result_rows: Option<u64>,
    /// US dollars.
    pub max_cost: Option<f64>,
    pub memory_per_query: Option<ByteSize>,
    /// `s3://bucket/prefix/`, or a folder.
    pub results: Option<String>,
    pub compute: Option<Compute>,
}

/// Where queries may read and write.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocationSettings {
    /// Whether `file://` and local paths are there. By default on a server that lets everybody on this machine in, and on no other.
    pub local_files: Option<bool>,
    /// `["s3://bucket/prefix/"]`: nothing else in object storage; everything if empty.
    pub allowed: Vec<String>,
}
