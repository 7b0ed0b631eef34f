//! TPC-H over a sandbox in which things go wrong on purpose, and what became of each query.

mod bench;
mod case;
mod report;
mod verdict;

pub use bench::FaultBench;
pub use case::{Case, Dose};
pub use report::{Record, Report};
pub use verdict::Verdict;
