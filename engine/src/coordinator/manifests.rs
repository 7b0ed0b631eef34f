//! Manifests of committed stages: encoded once each, whatever the number of tasks that read them.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use object_store::ObjectStoreExt as _;
use tokio::sync::OnceCell;

use super::board::Board;
use super::combine::Combining;
use super::task::RunConfig;
use crate::error::{Error, Result};
use crate::exchange::layout;
use crate::protocol::{Blob, Manifest, ProducedTask, StageInput, TaskKey, TaskOutput};

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
    /// Set for a stage that combines another's outputs.
    combining: Option<Combining>,
    /// Tasks of a combining stage that had nothing to do: the outputs of their group are read as they are.
    passed: BTreeSet<u32>,
}

impl Manifests {
    pub(super) fn add_stage(&mut self, stage: u32, tasks: u32) {
        self.stages.entry(stage).or_default().tasks.resize(tasks as usize, None);
    }

    pub(super) fn add_combining(&mut self, combining: Combining) {
        let stage = self.stages.entry(combining.stage()).or_default();
        stage.tasks.resize(combining.groups.len(), None);
        stage.combining = Some(combining);
    }

    pub(super) fn is_combining(&self, stage: u32) -> bool {
        self.stages.get(&stage).is_some_and(|stage| stage.combining.is_some())
    }

    pub(super) fn committed(&mut self, produced: &Arc<ProducedTask>) {
        let TaskKey { stage, task } = produced.attempt.task;
        if let Some(slot) = self.stages.get_mut(&stage).and_then(|stage| stage.tasks.get_mut(task as usize)) {
            *slot = Some(Arc::clone(produced));
        }
    }

    /// What readers of a stage are told; of a combining stage, what readers of the combined one are.
    ///
    /// # Errors
    /// `Internal` for a stage that has not committed.
    pub(super) fn of(&mut self, number: u32) -> Result<Arc<StageManifest>> {
        if let Some(known) = self.stages.get(&number).and_then(|stage| stage.manifest.as_ref()) {
            return Ok(Arc::clone(known));
        }
        let input = match self.stages.get(&number).and_then(|stage| stage.combining.as_ref()) {
            Some(combining) => self.combined(number, combining)?,
            None => StageInput { stage: number, tasks: self.outputs(number)? },
        };
        let manifest = Arc::new(StageManifest::new(number.to_string(), input));
        if let Some(stage) = self.stages.get_mut(&number) {
            stage.manifest = Some(Arc::clone(&manifest));
        }
        Ok(manifest)
    }

    /// What a combining task reads; `None` where there is nothing to gain, as at most one of the outputs is an object.
    pub(super) fn group(&mut self, key: TaskKey) -> Result<Option<Arc<StageManifest>>> {
        let unknown = || Error::internal(format!("task {key} combines nothing"));
        let combining = self.stages.get(&key.stage).and_then(|stage| stage.combining.as_ref()).ok_or_else(unknown)?;
        let range = combining.groups.get(key.task as usize).ok_or_else(unknown)?;
        let tasks = self.outputs(combining.of)?[as_usize(range)].to_vec();
        let input = StageInput { stage: combining.of, tasks };
        let objects = input.tasks.iter().filter(|task| is_object(&task.output)).count();
        if objects > 1 {
            let name = format!("{}/{}", key.stage, key.task);
            return Ok(Some(Arc::new(StageManifest::new(name, input))));
        }
        if let Some(stage) = self.stages.get_mut(&key.stage) {
            stage.passed.insert(key.task);
        }
        Ok(None)
    }

    /// Readers still ask for every producer: the first of each group has the rows of all.
    fn combined(&self, number: u32, combining: &Combining) -> Result<StageInput> {
        let mut tasks = self.outputs(combining.of)?;
        let passed = self.stages.get(&number).map(|stage| &stage.passed);
        for ((group, range), combined) in (0..).zip(&combining.groups).zip(self.outputs(number)?) {
            if passed.is_some_and(|passed| passed.contains(&group)) {
                continue;
            }
            for task in &mut tasks[as_usize(range)] {
                task.output = TaskOutput { offsets: vec![0], inline: None, copy: None, rows: 0 };
            }
            if let Some(first) = tasks.get_mut(range.start as usize) {
                *first = combined;
            }
        }
        Ok(StageInput { stage: combining.of, tasks })
    }

    fn outputs(&self, number: u32) -> Result<Vec<ProducedTask>> {
        let early = || Error::internal(format!("stage {number} was read before it had committed"));
        let stage = self.stages.get(&number).ok_or_else(early)?;
        stage.tasks.iter().map(|task| task.as_deref().cloned()).collect::<Option<_>>().ok_or_else(early)
    }
}

fn as_usize(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}

fn is_object(output: &TaskOutput) -> bool {
    output.inline.is_none() && output.offsets.last().is_some_and(|end| *end > 0)
}

/// One stage's manifest, encoded when the first of its readers is sent.
#[derive(Debug)]
pub(super) struct StageManifest {
    /// Below the run's prefix.
    folder: String,
    input: StageInput,
    encoded: OnceCell<Manifest>,
}

impl StageManifest {
    fn new(folder: String, input: StageInput) -> Self {
        Self { folder, input, encoded: OnceCell::new() }
    }

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
        let name = layout::manifest_name(config.run, &self.folder);
        board.mark_wrote_exchange();
        store.put(&layout::path(exchange, &name)?, bytes.into()).await?;
        Ok(Manifest::Stored(name))
    }
}
