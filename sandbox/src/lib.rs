//! AWS on loopback, for the demo, tests and benches: S3 and Lambda as far as the engine uses them.
//!
//! This crate knows AWS's protocols and not the engine, so that what works against it works because of the protocol.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout))]

pub mod faults;
pub mod lambda;
pub mod s3;
