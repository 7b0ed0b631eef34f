//! The rules, as they hold for one principal.

use std::sync::Arc;

use arachne_catalog::Catalog;
use datafusion::execution::object_store::ObjectStoreRegistry;

use super::guarded_stores::GuardedStores;
use super::locations::Prefix;
use super::{Access, GuardedCatalog, Level, Principal, session};
use crate::error::{Error, ErrorCode, Result};
use crate::lake::{Location, Place};
use crate::query::EngineSettings;

/// Made for each request; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    access: Arc<Access>,
    principal: Principal,
}

impl Guard {
    pub(crate) fn new(access: Arc<Access>, principal: Principal) -> Self {
        Self { access, principal }
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.access.policy.is_admin(&self.principal)
    }

    /// The catalog as the principal sees it.
    pub(crate) fn catalog(&self, catalog: &Arc<dyn Catalog>) -> Arc<dyn Catalog> {
        if self.access.policy.is_open() && self.access.locations.are_open() {
            return Arc::clone(catalog);
        }
        Arc::new(GuardedCatalog::new(Arc::clone(catalog), self.clone()))
    }

    /// Object storage with nothing in it but what may be read.
    pub(crate) fn stores(&self, stores: Arc<dyn ObjectStoreRegistry>) -> Arc<dyn ObjectStoreRegistry> {
        if self.access.locations.are_open() {
            return stores;
        }
        Arc::new(GuardedStores::new(stores, Arc::clone(&self.access)))
    }

    /// Settings before the request's own: those of the process, lowered by the workgroup's.
    pub(crate) fn settings(&self, process: &EngineSettings) -> EngineSettings {
        let mut settings = process.clone();
        if let Some(workgroup) = self.access.workgroup(&self.principal.workgroup) {
            settings.limits = settings.limits.lowered_by(&workgroup.limits);
            settings.compute = workgroup.compute.unwrap_or(settings.compute);
        }
        settings
    }

    /// The workgroup's own place for results.
    pub(crate) fn results(&self) -> Option<&str> {
        self.access.workgroup(&self.principal.workgroup)?.results.as_deref()
    }

    /// # Errors
    /// `PermissionDenied` for a setting that is not the principal's to change.
    pub(crate) fn check_setting(&self, name: &str) -> Result<()> {
        if self.is_admin() || session::is_everybodys(name) {
            return Ok(());
        }
        Err(Error::new(ErrorCode::PermissionDenied, format!("{name} is not yours to set"))
            .with_hint(format!("it takes admin on *; everybody may set {}", session::everybodys())))
    }

    /// Whether the principal may read files by their path.
    ///
    /// # Errors
    /// As [`check_location`](Self::check_location).
    pub(crate) fn check_path(&self, path: &Location) -> Result<()> {
        let folder = match &path.place {
            Place::Folder(folder) | Place::ObjectOrFolder(folder) | Place::Glob { folder, .. } => folder,
        };
        self.check(&Prefix::new(path.store.clone(), folder.clone()))
    }

    /// Whether the principal may name a location as the place of a table or of a partition.
    ///
    /// # Errors
    /// `PermissionDenied` where the rules or the policy do not allow it, `InvalidArgument` for what is no location.
    pub(crate) fn check_location(&self, text: &str) -> Result<()> {
        self.check(&text.parse()?)
    }

    /// Both are locations, and the first is the second or lies in it.
    pub(super) fn lies_below(&self, text: &str, folder: &str) -> bool {
        match (text.parse::<Prefix>(), folder.parse::<Prefix>()) {
            (Ok(place), Ok(folder)) => folder.holds(&place),
            _ => false,
        }
    }

    fn check(&self, place: &Prefix) -> Result<()> {
        let Access { policy, locations, .. } = self.access.as_ref();
        locations.check(place)?;
        if policy.level_at(&self.principal, place) >= Some(Level::Read) {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::PermissionDenied,
            format!("user {} may not read files at {place}", self.principal.user),
        )
        .with_hint(format!("it takes a grant of read on {place}, or on *; tables are read by their names")))
    }

    pub(super) fn level(&self, database: &str, table: Option<&str>) -> Option<Level> {
        self.access.policy.level(&self.principal, database, table)
    }

    pub(super) fn sees(&self, database: &str) -> bool {
        self.access.policy.sees(&self.principal, database)
    }

    pub(super) fn user(&self) -> &str {
        &self.principal.user
    }
}
