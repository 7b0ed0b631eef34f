//! SQL to stages to tasks to results: the engine of Arachne.
//!
//! The walk of a query through these modules: [`query`] takes the SQL, [`sql`] parses it, [`lake`] resolves names to files, `planner`
//! makes the physical plan and cuts it into stages, [`coordinator`] runs their tasks through an [`invoker`], [`worker`] executes one
//! task, `exchange` carries rows from stage to stage, and [`query`] hands out rows, statistics and the bill. A worker is built without
//! the feature `coordinator`: it knows no SQL and no catalog.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::allow_attributes))]

#[cfg(feature = "coordinator")]
pub mod access;
#[cfg(feature = "cluster")]
pub mod cluster;
#[cfg(feature = "coordinator")]
pub mod coordinator;
pub mod error;
mod exchange;
pub mod formats;
#[cfg(feature = "coordinator")]
mod glob;
pub mod invoker;
#[cfg(feature = "coordinator")]
pub mod lake;
#[cfg(feature = "coordinator")]
#[doc(hidden)]
pub mod measured;
mod planner;
pub mod protocol;
#[cfg(feature = "coordinator")]
pub mod query;
#[cfg(feature = "coordinator")]
pub mod sql;
pub mod storage;
#[cfg(feature = "coordinator")]
mod units;
pub mod worker;

pub use error::{Error, ErrorCode, Position, Result};
