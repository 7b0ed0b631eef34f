//! AWS Lambda as the place where tasks run.
//!
//! [`handler`] is the function, [`invoker`] the way to call it: that of the coordinator, and of a worker that passes on a group of
//! tasks (`relay`).

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout))]

pub mod handler;
#[cfg(feature = "relay")]
pub mod invoker;
pub mod logging;
#[cfg(feature = "invoker")]
mod profile;
#[cfg(feature = "relay")]
mod relay;

#[cfg(feature = "relay")]
pub use invoker::{AwsInvoker, LambdaCredentials, LambdaSettings};
#[cfg(feature = "invoker")]
pub use profile::ProfileCredentials;
#[cfg(feature = "invoker")]
pub use relay::{TwoLevelInvoker, TwoLevelSettings};
