//! SQL to stages to tasks to results: the engine of Arachne.
//!
//! The walk of a query through these modules: [`query`] takes the SQL, `sql` parses it and resolves names, `planner` makes the
//! physical plan and cuts it into stages, `coordinator` runs their tasks through an [`invoker`], [`worker`] executes one task,
//! `exchange` carries rows from stage to stage, and `query` hands out rows, statistics and the bill.

pub mod error;
pub mod invoker;
pub mod protocol;
pub mod storage;

pub use error::{Error, ErrorCode, Position, Result};
