//! AWS Lambda as the place where tasks run.
//!
//! Two sides that share no code: [`handler`] is the function (built without any AWS SDK, so that it starts fast), and
//! [`invoker`] is the coordinator's way to call it.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout))]

pub mod handler;
#[cfg(feature = "invoker")]
pub mod invoker;
pub mod logging;
#[cfg(feature = "invoker")]
mod profile;

#[cfg(feature = "invoker")]
pub use invoker::{AwsInvoker, LambdaCredentials, LambdaSettings};
#[cfg(feature = "invoker")]
pub use profile::ProfileCredentials;
