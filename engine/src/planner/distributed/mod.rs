//! The only file family that names datafusion-distributed: everything else sees our own types.
//!
//! Coordinator: `cut` makes a distributed plan, `repair` mends it, `channel` turns each task the library wants started into a
//! [`TaskSpec`](crate::coordinator::TaskSpec) of a [`Run`](crate::coordinator::Run). Worker: `fragment` decodes and opens inputs.
//! `cluster` is the same plan over another transport.

mod boundary_facts;
mod codec;
mod deep_stack;
mod fragment;

#[cfg(feature = "coordinator")]
mod channel;
#[cfg(feature = "cluster")]
pub(crate) mod cluster;
#[cfg(feature = "coordinator")]
mod cut;
#[cfg(feature = "coordinator")]
mod leaf_splits;
#[cfg(feature = "coordinator")]
pub(crate) mod measured;
#[cfg(feature = "coordinator")]
mod repair;
#[cfg(feature = "coordinator")]
mod single_partition_guard;
#[cfg(feature = "coordinator")]
mod stage_hints;
#[cfg(feature = "coordinator")]
mod stage_notes;
#[cfg(feature = "coordinator")]
mod stage_width;

pub(crate) use deep_stack::on_a_deep_stack;
#[cfg(feature = "coordinator")]
pub(crate) use fragment::open_output;
pub(crate) use fragment::{Fragment, FragmentInputs};

#[cfg(feature = "cluster")]
pub(crate) use cluster::{ClusterMembers, ClusterRun};
#[cfg(feature = "coordinator")]
pub(crate) use cut::{CutSettings, DistributedPlan, choices, distributable, plan_on_one_worker, stages_text};
#[cfg(feature = "coordinator")]
pub(crate) use stage_notes::StageNote;

#[cfg(all(test, feature = "coordinator"))]
mod tests;
