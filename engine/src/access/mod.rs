//! Who may do what: the principals, the policy, their workgroups, and where data may lie.
//!
//! Enforced in [`QueryService`](crate::query::QueryService), for every door alike (docs/adr/0014, docs/access.md). A query sees the catalog
//! through a [`GuardedCatalog`] and object storage through a registry that refuses what the [`LocationRules`] do not allow; both are
//! made by the query's [`Guard`].

mod guard;
mod guarded_catalog;
mod guarded_stores;
mod locations;
mod policy;
mod principal;
mod session;
mod workgroup;

pub(crate) use guard::Guard;
pub use guarded_catalog::GuardedCatalog;
pub use locations::LocationRules;
pub use policy::{Grant, Grantee, Level, Pattern, Policy};
pub use principal::Principal;
pub use workgroup::Workgroup;

/// All rules of one service. By default everybody may do everything.
#[derive(Debug, Clone, Default)]
pub struct Access {
    pub policy: Policy,
    /// A principal of a workgroup that is not among them has the limits of the process.
    pub workgroups: Vec<Workgroup>,
    pub locations: LocationRules,
}

impl Access {
    pub(crate) fn workgroup(&self, name: &str) -> Option<&Workgroup> {
        self.workgroups.iter().find(|workgroup| workgroup.name == name)
    }
}
