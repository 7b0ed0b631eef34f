//! The doors, thin skins over the query service, and [`wiring`], the one place where a service is put together.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout))]

pub mod format;
pub mod http;
mod owner_lock;
pub mod settings;
pub mod wiring;
