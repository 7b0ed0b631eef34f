//! The doors, thin skins over the query service, and [`wiring`], the one place where a service is put together.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout))]

mod access;
pub mod auth;
mod doors;
pub mod flight_sql;
pub mod format;
pub mod http;
pub mod listen;
mod owner_lock;
pub mod settings;
pub mod telemetry;
pub mod wiring;

pub use doors::Doors;
