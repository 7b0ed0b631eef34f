//! Tells workers that run that nobody waits for them: writes the run's cancel object.

use std::sync::Arc;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use super::board::Board;
use super::task::RunConfig;
use crate::exchange::layout;
use crate::protocol::{Attempt, CancelMarker};

/// Writes in the background, one version after the other; without an exchange there is nobody to tell.
#[derive(Debug, Default)]
pub(super) struct CancelWriter {
    lost: Vec<Attempt>,
    writing: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    marker: watch::Sender<Option<CancelMarker>>,
    task: JoinHandle<()>,
}

impl CancelWriter {
    /// Some attempts have lost against rivals.
    pub(super) fn cancel_attempt(&mut self, attempt: Attempt, config: &RunConfig, board: &Board) {
        self.lost.push(attempt);
        self.write(CancelMarker::Attempts(self.lost.clone()), config, board);
    }

    /// Nothing of the run is wanted; returns when that is written.
    pub(super) async fn cancel_run(mut self, config: &RunConfig, board: &Board) {
        self.write(CancelMarker::Run, config, board);
        if let Some(Writing { marker, task }) = self.writing {
            drop(marker);
            if let Err(error) = task.await {
                warn!(run = %config.run, %error, "cannot tell the workers that their run is cancelled");
            }
        }
    }

    fn write(&mut self, content: CancelMarker, config: &RunConfig, board: &Board) {
        if self.writing.is_none() {
            self.writing = start(config);
        }
        if let Some(writing) = &self.writing {
            board.mark_wrote_exchange();
            writing.marker.send_replace(Some(content));
        }
    }
}

fn start(config: &RunConfig) -> Option<Writing> {
    let (exchange, store) = (config.exchange.as_ref()?, config.exchange_store.clone()?);
    let path = layout::path(exchange, &layout::cancel_name(config.run)).ok()?;
    let (marker, changes) = watch::channel(None);
    Some(Writing { marker, task: tokio::spawn(write_changes(store, path, changes)) })
}

/// The latest content always; ends when nobody can change it any more.
async fn write_changes(store: Arc<dyn ObjectStore>, path: Path, mut changes: watch::Receiver<Option<CancelMarker>>) {
    while changes.changed().await.is_ok() {
        let Some(content) = changes.borrow_and_update().clone() else { continue };
        let written = match serde_json::to_vec(&content) {
            Ok(bytes) => store.put(&path, bytes.into()).await.map(|_| ()).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            warn!(%path, error, "cannot tell workers that they are cancelled");
        }
    }
}
