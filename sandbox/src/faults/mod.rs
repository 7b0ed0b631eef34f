//! Faults on purpose, and the same ones again.
//!
//! A plan ([`S3Faults`], [`LambdaFaults`]) is a seed with rates for classes of faults. Whether a request is hit depends on the
//! seed, the class, a key that names the request (what it asks for, random ids masked) and how often that key was asked for
//! before; never on the clock, or on how requests interleave. So a run can be repeated: same seed, same faults.
//!
//! The decisions are made here, purely ([`draw`]); what a fault does to a request is in `s3::fault` and `lambda::fault`.
//! [`FaultSpec`] is the plan as users write it.

mod active;
mod class;
mod draw;
mod lambda;
mod masked;
mod s3;
mod spec;

pub(crate) use active::Active;
pub use class::FaultClass;
pub use draw::Drawn;
pub use lambda::{LambdaFault, LambdaFaults};
pub(crate) use s3::S3Asked;
pub use s3::{S3Fault, S3Faults, S3Operation, S3Scope};
pub use spec::{FaultSpec, FaultSpecError};
