//! Side by side: the same queries, over the same objects in the same local S3, by Arachne and by what people would use instead.
//!
//! A [`suite`] becomes a [`dataset`] in a folder of the local S3. Each engine answers each query in a process of its own ([`engine`] is
//! ours, those of others are Python programs in `bench/peers`), which speaks the protocol of [`job`]. [`measure`] walks one such process
//! from start to end and reads between its lines what it took ([`usage`]) and what reached S3 ([`profile`]); [`answers`] judges what it
//! said. [`state`] remembers what is measured, [`results`] is all of it, [`totals`] and [`report`] make numbers and pages of that.

mod answers;
mod command;
mod compare;
mod dataset;
mod engine;
mod engines;
mod files;
mod job;
mod machine;
mod measure;
mod options;
mod our_stage;
mod process;
mod profile;
mod readme;
mod report;
mod results;
mod state;
mod suite;
mod totals;
mod usage;
mod workers;

pub(crate) use command::run;
pub(crate) use compare::{CompareOptions, compare};
pub(crate) use engine::{EngineOptions, serve as serve_engine};
pub(crate) use options::RunOptions;
pub(crate) use readme::{ReadmeOptions, rewrite_readme};
pub(crate) use workers::serve_cluster_worker;
