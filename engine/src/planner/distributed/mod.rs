//! The only file family that names datafusion-distributed: everything else sees our own types.
//!
//! Coordinator: `cut` makes a distributed plan, `repair` mends it, `channel` turns each task the library wants started into a
//! [`TaskSpec`](crate::coordinator::TaskSpec) of a [`Run`](crate::coordinator::Run). Worker: `fragment` decodes and opens inputs.

mod boundary_facts;
mod codec;
mod fragment;

#[cfg(feature = "coordinator")]
mod channel;
#[cfg(feature = "coordinator")]
mod cut;
#[cfg(feature = "coordinator")]
mod leaf_splits;
#[cfg(feature = "coordinator")]
mod repair;
#[cfg(feature = "coordinator")]
mod single_partition_guard;

#[cfg(feature = "coordinator")]
pub(crate) use fragment::open_output;
pub(crate) use fragment::{Fragment, FragmentInputs};

#[cfg(feature = "coordinator")]
pub(crate) use cut::{CutSettings, DistributedPlan, distributable, plan_on_one_worker, stages_text};

#[cfg(all(test, feature = "coordinator"))]
mod tests;
