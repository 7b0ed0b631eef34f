//! AWS Lambda on loopback: one function, run as local worker processes.
//!
//! [`LambdaServer`] answers the Invoke API that the AWS SDKs and the AWS CLI call (`invoke_api`), hands each invocation to
//! an execution environment of its `function` (warm if one is idle, else a new process), and speaks the Runtime API
//! to the worker program in it (`runtime_api`). Concurrency, time-out, memory, payload sizes and billing follow Lambda's
//! documented behaviour, so that a program sees here what it will see there.
//!
//! What differs from Lambda, on purpose: an idle environment is not frozen; a failed init is not tried a second time;
//! asynchronous invocations wait for a free environment and are not retried; there is one version, `$LATEST`; the worker
//! runs as this machine's user, without a sandbox, a CPU limit or a read-only file system. Time-out and memory limit kill the
//! worker's process, not processes that it started itself. Memory is looked up in `/proc`: without one (not on Linux) it is
//! neither limited nor reported.

mod conditions;
mod cut_answer;
mod environment;
mod failure;
#[cfg(test)]
mod fault_tests;
mod function;
mod http_server;
mod invocation_log;
mod invoke_api;
mod logs;
mod memory;
mod name;
mod process;
mod report;
mod runtime_api;
mod server;
mod service_error;
mod settings;
mod signature;
#[cfg(test)]
mod tests;
mod variables;
mod workers;

pub use conditions::LambdaConditions;
pub use invocation_log::{InvocationRecord, InvocationStatus};
pub use server::{LambdaServer, StartError};
pub use settings::LambdaServerSettings;
pub use workers::WorkerProcess;
