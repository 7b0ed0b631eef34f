//! What the tests of the whole share: generated data, an independent engine's answers, virtual environments with real client
//! programs, and the engine itself in each of its ways to run.
//!
//! The tests are in `tests/it`, one binary. Everything that takes time (environments, data, answers) is made once under the target
//! folder and kept there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

pub mod answer;
pub mod binaries;
pub mod cli;
pub mod cluster;
pub mod duckdb;
pub mod engine;
pub mod faults;
pub mod guarded;
pub mod kept;
pub mod matrix;
pub mod meddling;
pub mod random;
pub mod sandbox;
pub mod server;
pub mod slt;
pub mod suites;
pub mod tpch;
pub mod traps;
pub mod venv;
