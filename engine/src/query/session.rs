//! The session of one query: its settings, its view of storage, its catalog.

use std::sync::Arc;

use chrono::DateTime;
use datafusion::execution::SessionState;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::sql::parser;

use super::request::QueryRequest;
use super::settings::EngineSettings;
use super::shared::QueryContext;
use crate::access::Guard;
use crate::error::Result;
use crate::lake::{LakeCatalog, LakeContext};
use crate::planner::session::{SessionParts, config, cores, distributed, local};
use crate::sql::{WithInformationSchema, passes_rows_through};
use crate::storage::{Pins, QueryStores, query_caches};

/// What a session has set, sorted by whom it concerns.
#[derive(Debug, Clone)]
pub(super) struct SessionSettings {
    pub(super) engine: EngineSettings,
    /// DataFusion's.
    options: Vec<(String, String)>,
}

impl SessionSettings {
    /// The process's, the workgroup's, and then the request's own. Settings that begin with `datafusion.` go to DataFusion, all
    /// others are the engine's.
    pub(super) fn of(base: &EngineSettings, guard: &Guard, request: &QueryRequest) -> Result<Self> {
        let mut settings = Self::unchanged(base, guard);
        for (name, value) in &request.settings {
            guard.check_setting(name)?;
            if name.starts_with("datafusion.") {
                settings.options.push((name.clone(), value.clone()));
            } else {
                settings.engine.set(name, value)?;
            }
        }
        if !settings.options.is_empty() {
            config(&request.database, &settings.options)?;
        }
        Ok(settings)
    }

    pub(super) fn unchanged(base: &EngineSettings, guard: &Guard) -> Self {
        Self { engine: guard.settings(base), options: Vec::new() }
    }
}

/// The option that reads texts as they are written, and its value.
const AS_WRITTEN: [&str; 2] = ["datafusion.execution.parquet.schema_force_view_types", "false"];

pub(super) struct QuerySession {
    pub(super) settings: EngineSettings,
    parts: SessionParts,
}

impl QuerySession {
    /// Texts are read as what they are handed out as, where the statement does nothing with them between; else as views, which are
    /// cheap to filter and to move but have to be copied in the end. What the user has set counts more.
    pub(super) fn try_new(query: &QueryContext, statement: &parser::Statement) -> Result<Self> {
        let ours = passes_rows_through(statement).then(|| AS_WRITTEN.map(str::to_owned).into());
        let QueryContext { shared, request, ledger, settings, guard, catalog, .. } = query;
        let pins = Arc::new(Pins::default());
        let stores = QueryStores::with_pins(Arc::clone(&shared.stores), Arc::clone(&ledger.meter), Arc::clone(&pins));
        let runtime = Arc::new(RuntimeEnv {
            memory_pool: Arc::clone(&ledger.memory) as _,
            disk_manager: Arc::clone(&shared.disk),
            cache_manager: query_caches(&shared.cache, Arc::clone(&pins))?,
            object_store_registry: guard.stores(stores),
        });
        let config =
            config(&request.database, &ours.into_iter().chain(settings.options.iter().cloned()).collect::<Vec<_>>())?;
        let lake = LakeContext::new(
            Arc::clone(catalog),
            Arc::clone(&runtime),
            pins,
            Arc::clone(&ledger.scans),
            config.options(),
        )
        .guarded_by(guard.clone())
        .knowing(Arc::clone(&shared.known));
        let now = DateTime::from_timestamp_millis((shared.clock)()).unwrap_or_default();
        let lake = Arc::new(LakeCatalog::new(Arc::new(lake)));
        let catalog = Arc::new(WithInformationSchema::new(lake, Arc::clone(catalog)));
        let parts = SessionParts { runtime, catalog, config, now };
        Ok(Self { settings: settings.engine.clone(), parts })
    }

    pub(super) fn local_state(&self) -> SessionState {
        local(&self.parts, self.settings.local_partitions.unwrap_or_else(cores))
    }

    pub(super) fn distributed_state(&self) -> Result<SessionState> {
        distributed(&self.parts, self.settings.partitions_per_task, &self.settings.cut())
    }
}
