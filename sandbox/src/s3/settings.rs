use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::traffic::S3Shape;

/// How a local S3 server is set up.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Settings {
    /// Where buckets and objects are kept. Created when missing; one server at a time may use it.
    pub dir: PathBuf,
    /// Where to listen. Port 0 takes a free port, see [`S3Server::url`](super::S3Server::url).
    pub addr: SocketAddr,
    /// The one access key id that is accepted.
    pub access_key: String,
    /// The secret key that requests must be signed with.
    pub secret_key: String,
    /// The region that buckets say they are in. Signatures for any region are accepted.
    pub region: String,
    /// Buckets that are created at start when they do not exist.
    pub buckets: Vec<String>,
    /// File that gets one JSON line for each request, appended.
    pub log_file: Option<PathBuf>,
    /// How many requests the log in memory keeps; older ones are dropped first.
    pub log_capacity: usize,
    /// Time that every request waits before it is served, in milliseconds.
    pub latency_ms: u64,
    /// How answers come: as fast as they go, or as S3's.
    pub shape: S3Shape,
    /// Buckets that answer every request with 403 `AccessDenied`.
    pub denied_buckets: Vec<String>,
}

impl S3Settings {
    /// The default settings, with objects kept in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), ..Self::default() }
    }
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("arachne-s3"),
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            access_key: "arachne".to_owned(),
            secret_key: "arachne-secret".to_owned(),
            region: "us-east-1".to_owned(),
            buckets: Vec::new(),
            log_file: None,
            log_capacity: 100_000,
            latency_ms: 0,
            shape: S3Shape::default(),
            denied_buckets: Vec::new(),
        }
    }
}

// By hand, so that the secret stays out of logs.
impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Settings")
            .field("dir", &self.dir)
            .field("addr", &self.addr)
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .field("buckets", &self.buckets)
            .field("log_file", &self.log_file)
            .field("log_capacity", &self.log_capacity)
            .field("latency_ms", &self.latency_ms)
            .field("shape", &self.shape)
            .field("denied_buckets", &self.denied_buckets)
            .finish_non_exhaustive()
    }
}
