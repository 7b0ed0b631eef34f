//! The query service and the threads it computes on.
//!
//! Queries have a runtime of their own: an operator that does not yield for long (a join that multiplies) can occupy all of
//! its threads, and signals, progress and output must not wait for it. What faces the user runs on another runtime, on the
//! main thread.

use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::Catalog;
use arachne_engine::Error;
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
    threads: Handle,
}

impl Queries {
    pub(crate) async fn open(settings: &Settings, threads: &Handle) -> Result<Self, Error> {
        let settings = settings.clone();
        let opened = AbortOnDropHandle::new(threads.spawn(async move { wiring::query_service(&settings).await }));
        let service = opened.await.map_err(|error| Error::internal(format!("the engine did not start: {error}")))??;
        Ok(Self { service, threads: threads.clone() })
    }

    #[cfg(test)]
    pub(crate) fn of(service: QueryService) -> Self {
        Self { service, threads: Handle::current() }
    }

    pub(crate) fn start(&self, request: QueryRequest) -> QueryHandle {
        let _entered = self.threads.enter();
        self.service.start(request)
    }

    /// Runs something beside the queries, until the handle is dropped.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> AbortOnDropHandle<T> {
        AbortOnDropHandle::new(self.threads.spawn(task))
    }

    pub(crate) fn catalog(&self) -> &Arc<dyn Catalog> {
        self.service.catalog()
    }

    /// Lets the queries' exchange objects be removed; a query that does not stop, or Ctrl-C, ends the wait.
    pub(crate) async fn close(self, exit: &anyhow::Result<Exit>) {
        let grace = if matches!(exit, Ok(Exit::Interrupted)) { INTERRUPTED_GRACE } else { CLOSE_GRACE };
        let service = self.service.clone();
        let idle = self.spawn(async move { service.idle().await });
        tokio::select! {
            _ = idle => {}
            () = tokio::time::sleep(grace) => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}
