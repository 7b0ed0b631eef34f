//! Manifests of committed stages: encoded once each, whatever the number of tasks that read them.

use std::collections::HashMap;
use std::sync::Arc;

use object_store::ObjectStoreExt as _;
use tokio::sync::OnceCell;

use super::board::Board;
use super::task::RunConfig;
use crate::error::{Error, Result};
use crate::exchange::layout;
use crate::protocol::{Blob, Manifest, ProducedTask, StageInput, TaskKey};

/// A larger manifest is put into the exchange once instead of into every request.
const MAX_IN_REQUEST: usize = 64 * 1024;

/// The outputs of a run's stages as they commit.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    stages: HashMap<u32, Stage>,
}

#[derive(Debug, Default)]
struct Stage {
    tasks: Vec<Option<Arc<ProducedTask>>>,
    manifest: Option<Arc<StageManifest>>,
}

impl Manifests {
    pub(super) fn add_stage(&mut self, stage: u32, tasks: u32) {
        self.stages.entry(stage).or_default().tasks.resize(tasks as usize, None);
    }

    pub(super) fn committed(&mut self, produced: &Arc<ProducedTask>) {
        let TaskKey { stage, task } = produced.attempt.task;
        if let Some(slot) = self.stages.get_mut(&stage).and_then(|stage| stage.tasks.get_mut(task as usize)) {
            *slot = Some(Arc::clone(produced));
        }
    }

    /// # Errors
    /// `Internal` for a stage that has not committed.
    pub(super) fn of(&mut self, number: u32) -> Result<Arc<StageManifest>> {
        let early = || Error::internal(format!("stage {number} was read before it had committed"));
        let stage = self.stages.get_mut(&number).ok_or_else(early)?;
        if let Some(manifest) = &stage.manifest {
            return Ok(Arc::clone(manifest));
        }
        let tasks = stage.tasks.iter().map(|task| task.as_deref().cloned()).collect::<Option<_>>().ok_or_else(early)?;
        let manifest = StageManifest { input: StageInput { stage: number, tasks }, encoded: OnceCell::new() };
        Ok(Arc::clone(stage.manifest.insert(Arc::new(manifest))))
    }
}

/// One stage's manifest, encoded when the first of its readers is sent.
#[derive(Debug)]
pub(super) struct StageManifest {
    input: StageInput,
    encoded: OnceCell<Manifest>,
}

impl StageManifest {
    pub(super) async fn encoded(&self, config: &RunConfig, board: &Board) -> Result<Manifest> {
        self.encoded.get_or_try_init(|| self.encode(config, board)).await.cloned()
    }

    async fn encode(&self, config: &RunConfig, board: &Board) -> Result<Manifest> {
        let bytes = self.input.encode()?;
        let (Some(exchange), Some(store)) = (&config.exchange, &config.exchange_store) else {
            return Ok(Manifest::Here(Blob(bytes.into())));
        };
        if bytes.len() <= MAX_IN_REQUEST {
            return Ok(Manifest::Here(Blob(bytes.into())));
        }
        let name = layout::manifest_name(config.run, self.input.stage);
        board.mark_wrote_exchange();
        store.put(&layout::path(exchange, &name)?, bytes.into()).await?;
        Ok(Manifest::Stored(name))
    }
}
