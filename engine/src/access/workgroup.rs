//! What a group of users may take, and where its results go.

use crate::query::{Compute, QueryLimits};

/// Athena's word for a group of users with limits and a result location of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workgroup {
    pub name: String,
    /// The lower one of these and of the process's holds.
    pub limits: QueryLimits,
    /// `s3://bucket/prefix/` or `file:///folder/` for the results of its queries; the process's if not set.
    pub results: Option<String>,
    /// What runs its queries; the process's if not set.
    pub compute: Option<Compute>,
}

impl Workgroup {
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}
