//! The query service, as one user's program has it.
//!
//! Queries have a runtime of their own: an operator that does not yield for long (a join that multiplies) can occupy all of
//! its threads, and signals, progress and output must not wait for it. What faces the user runs on another runtime.

use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::Catalog;
use arachne_engine::Error;
use arachne_engine::access::Principal;
use arachne_engine::query::{QueryHandle, QueryRequest, QueryService};
use arachne_server::settings::Settings;
use arachne_server::wiring;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use crate::exit::Exit;

/// How long the end of the program waits for what queries leave behind to be removed.
const CLOSE_GRACE: Duration = Duration::from_secs(5);
/// The same when the user does not want to wait.
const INTERRUPTED_GRACE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(crate) struct Queries {
    service: QueryService,
    _housekeeping: Arc<AbortOnDropHandle<()>>,
}

impl Queries {
    pub(crate) async fn open(settings: &Settings, threads: &Handle) -> Result<Self, Error> {
        Ok(Self::of(wiring::query_service(settings, threads).await?))
    }

    /// Keeps house beside the queries, on the current runtime.
    pub(crate) fn of(service: QueryService) -> Self {
        let house = service.clone();
        let housekeeping = tokio::spawn(async move { house.keep_house().await });
        Self { service, _housekeeping: Arc::new(AbortOnDropHandle::new(housekeeping)) }
    }

    pub(crate) fn start(&self, request: QueryRequest) -> QueryHandle {
        self.service.start(request)
    }

    pub(crate) fn check_settings(&self, request: &QueryRequest) -> Result<(), Error> {
        self.service.check_settings(request)
    }

    /// As the user of this program sees it.
    pub(crate) fn catalog(&self) -> Arc<dyn Catalog> {
        self.service.catalog_of(&Principal::local())
    }

    /// Lets the queries' ends be written down and their exchange objects be removed; Ctrl-C ends the wait.
    pub(crate) async fn close(&self, exit: &anyhow::Result<Exit>) {
        let grace = if matches!(exit, Ok(Exit::Interrupted)) { INTERRUPTED_GRACE } else { CLOSE_GRACE };
        tokio::select! {
            () = self.service.close() => {}
            () = tokio::time::sleep(grace) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}
