//! What every door is built from.

use std::sync::Arc;

use arachne_engine::query::QueryService;

use crate::auth::Authenticator;
use crate::telemetry::Metrics;

/// Cheap to clone; clones share everything.
#[derive(Debug, Clone)]
pub struct Doors {
    pub service: QueryService,
    pub auth: Arc<Authenticator>,
    pub metrics: Arc<Metrics>,
}

impl Doors {
    /// Without credentials, as on loopback.
    pub fn open(service: QueryService) -> Self {
        Self { service, auth: Arc::new(Authenticator::open()), metrics: Arc::new(Metrics::new()) }
    }
}
