//! What a local Lambda serves, and within which limits.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// One function, its limits, and the credentials that may invoke it.
#[derive(Clone)]
pub struct LambdaServerSettings {
    /// Where the Invoke API listens; port 0 takes a free one.
    pub addr: SocketAddr,
    pub function: String,
    /// The worker program and its arguments. It is started once per execution environment and speaks the Runtime API.
    pub command: Vec<String>,
    /// The function's own environment variables. A worker sees these, Lambda's own, and `PATH`; nothing else of this process.
    pub env: Vec<(String, String)>,
    /// The credentials that requests must be signed with (SigV4, service `lambda`).
    pub access_key: String,
    pub secret_key: String,
    /// Appears in ARNs and as the worker's `AWS_REGION`. Requests signed for another region are accepted.
    pub region: String,
    /// The memory of one environment in MB (2^20 bytes): a process whose resident set grows past it is killed.
    pub memory_mb: u64,
    /// How long one invocation may run; then its process is killed.
    pub timeout: Duration,
    /// How long a new process may take until it first asks for work. Lambda allows 10 s.
    pub init_timeout: Duration,
    /// How long an idle process is kept warm.
    pub idle_timeout: Duration,
    /// Invocations at once; the next one is answered with 429.
    pub concurrency: usize,
    /// Where each environment gets its own `TMPDIR`; the system's folder for temporary files by default.
    pub temp_root: Option<PathBuf>,
}

impl Default for LambdaServerSettings {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            function: "arachne-worker".to_owned(),
            command: Vec::new(),
            env: Vec::new(),
            access_key: "test".to_owned(),
            secret_key: "test".to_owned(),
            region: "us-east-1".to_owned(),
            memory_mb: 1769,
            timeout: Duration::from_secs(60),
            init_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            concurrency: 10,
            temp_root: None,
        }
    }
}

/// Values of `env` and the secret key stay out of logs.
impl fmt::Debug for LambdaServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaServerSettings")
            .field("addr", &self.addr)
            .field("function", &self.function)
            .field("command", &self.command)
            .field("env", &self.env.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("region", &self.region)
            .field("memory_mb", &self.memory_mb)
            .field("timeout", &self.timeout)
            .field("init_timeout", &self.init_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("concurrency", &self.concurrency)
            .field("temp_root", &self.temp_root)
            .finish_non_exhaustive()
    }
}
