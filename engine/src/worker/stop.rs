//! Why an attempt ends before its rows do: nobody waits for it any more, or it has read more than it may.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tracing::debug;

use crate::error::{Error, ErrorCode, Result};
use crate::exchange::layout;
use crate::protocol::{Attempt, CancelMarker, ExchangeConfig, TaskRequest};
use crate::storage::StoreMeter;

/// How often the run's cancel object is asked for. Each time is a billed GET, some 3 % of what the worker itself costs in
/// half a second; a task that ends earlier never asks.
const POLL: Duration = Duration::from_millis(500);

/// How often the bytes read are compared with the limit.
const CHECK: Duration = Duration::from_millis(50);

/// Watches over one attempt.
pub(super) struct Stop {
    attempt: Attempt,
    started: Instant,
    marker: Option<(Arc<dyn ObjectStore>, Path)>,
    max_bytes_scanned: Option<u64>,
    meter: Arc<StoreMeter>,
}

impl Stop {
    pub(super) fn new(
        request: &TaskRequest,
        exchange: Option<&(ExchangeConfig, Arc<dyn ObjectStore>)>,
        meter: Arc<StoreMeter>,
    ) -> Result<Self> {
        let marker = match exchange {
            Some((config, store)) => {
                Some((Arc::clone(store), layout::path(config, &layout::cancel_name(request.run))?))
            }
            None => None,
        };
        Ok(Self {
            attempt: request.attempt,
            started: Instant::now(),
            marker,
            max_bytes_scanned: request.max_bytes_scanned,
            meter,
        })
    }

    /// Gives what `work` gives, or drops it where it stands as soon as there is a reason to stop.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let done = tokio::select! {
            biased;
            done = work => done?,
            error = self.cancelled() => return Err(error),
            error = self.read_too_much() => return Err(error),
        };
        self.check_bytes()?;
        Ok(done)
    }

    /// Asks once more, where the attempt has run long enough to have been cancelled unnoticed: before it leaves an output behind,
    /// and afterwards.
    pub(super) async fn check_wanted(&self) -> Result<()> {
        if self.started.elapsed() >= POLL && self.is_cancelled().await { Err(self.cancel_error()) } else { Ok(()) }
    }

    async fn cancelled(&self) -> Error {
        if self.marker.is_none() {
            std::future::pending::<Infallible>().await;
        }
        tokio::time::sleep(POLL.saturating_sub(self.started.elapsed())).await;
        while !self.is_cancelled().await {
            tokio::time::sleep(POLL).await;
        }
        self.cancel_error()
    }

    /// A poll that fails tells nothing: the next one will.
    async fn is_cancelled(&self) -> bool {
        let Some((store, path)) = &self.marker else { return false };
        let content = match store.get(path).await {
            Ok(found) => found.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return false,
            Err(error) => Err(error),
        };
        match content {
            Ok(content) => {
                serde_json::from_slice(&content).is_ok_and(|marker: CancelMarker| marker.covers(self.attempt))
            }
            Err(error) => {
                debug!(attempt = %self.attempt, %error, "cannot ask whether the run is cancelled");
                false
            }
        }
    }

    fn cancel_error(&self) -> Error {
        Error::new(ErrorCode::Cancelled, format!("attempt {} is no longer wanted", self.attempt))
    }

    async fn read_too_much(&self) -> Error {
        if self.max_bytes_scanned.is_none() {
            std::future::pending::<Infallible>().await;
        }
        loop {
            if let Err(error) = self.check_bytes() {
                return error;
            }
            tokio::time::sleep(CHECK).await;
        }
    }

    fn check_bytes(&self) -> Result<()> {
        match self.max_bytes_scanned {
            Some(limit) if self.meter.snapshot().bytes_scanned > limit => Err(Error::scanned_too_much(limit)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;
    use crate::protocol::{Blob, ENGINE_VERSION, OutputPlacement, RunId, TaskKey};

    fn stop(store: &Arc<InMemory>) -> (Stop, Path) {
        let request = TaskRequest {
            version: ENGINE_VERSION.to_owned(),
            query_id: "q".to_owned(),
            run: RunId(uuid::Uuid::nil()),
            attempt: Attempt { task: TaskKey { stage: 1, task: 0 }, number: 1 },
            task_count: 1,
            plan: Blob::default(),
            options: Vec::new(),
            output: OutputPlacement { inline_limit: 0 },
            exchange: None,
            inputs: Vec::new(),
            pins: Vec::new(),
            timeout_ms: 1000,
            max_bytes_scanned: None,
            low_memory: false,
            combine: false,
            stored: None,
        };
        let config = ExchangeConfig { url: "s3://bucket/x/".to_owned() };
        let path = layout::path(&config, &layout::cancel_name(request.run)).unwrap();
        let exchange = (config, Arc::clone(store) as Arc<dyn ObjectStore>);
        (Stop::new(&request, Some(&exchange), Arc::default()).unwrap(), path)
    }

    async fn cancel(store: &InMemory, path: &Path, marker: &CancelMarker) {
        store.put(path, serde_json::to_vec(marker).unwrap().into()).await.unwrap();
    }

    #[tokio::test]
    async fn work_is_dropped_when_its_attempt_or_its_run_is_cancelled() {
        let attempt = |number| Attempt { task: TaskKey { stage: 1, task: 0 }, number };
        for marker in [CancelMarker::Run, CancelMarker::Attempts(vec![attempt(0), attempt(1)])] {
            let store = Arc::new(InMemory::new());
            let (stop, path) = stop(&store);
            cancel(&store, &path, &marker).await;
            let error = stop.unless_stopped(std::future::pending::<Result<()>>()).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::Cancelled);
            assert_eq!(stop.check_wanted().await.unwrap_err().code, ErrorCode::Cancelled);
        }
    }

    #[tokio::test]
    async fn another_attempt_s_end_does_not_concern_this_one() {
        let store = Arc::new(InMemory::new());
        let (stop, path) = stop(&store);
        let other = Attempt { task: TaskKey { stage: 1, task: 0 }, number: 0 };
        cancel(&store, &path, &CancelMarker::Attempts(vec![other])).await;
        let work = async {
            tokio::time::sleep(POLL + Duration::from_millis(200)).await;
            Ok(7)
        };
        assert_eq!(stop.unless_stopped(work).await.unwrap(), 7);
        stop.check_wanted().await.unwrap();
    }

    #[tokio::test]
    async fn a_short_task_never_asks() {
        let store = Arc::new(InMemory::new());
        let (stop, path) = stop(&store);
        cancel(&store, &path, &CancelMarker::Run).await;
        assert_eq!(stop.unless_stopped(async { Ok(1) }).await.unwrap(), 1);
        stop.check_wanted().await.unwrap();
    }
}
