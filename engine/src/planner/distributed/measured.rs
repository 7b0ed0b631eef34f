//! A fragment on its way between coordinator and worker, both halves apart, for the bench.

use std::sync::Arc;

use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_distributed::MaybeEncoded;
use object_store::memory::InMemory;
use url::Url;

use super::channel::compress;
use super::fragment::decode_root;
use crate::error::{Error, Result};
use crate::exchange::Source;
use crate::protocol::TaskRequest;

/// The decoded plan of a request, with all that it needs to be encoded again.
#[derive(Debug)]
pub struct FragmentTrial {
    root: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
}

impl FragmentTrial {
    /// What a worker does before it runs a fragment: decompresses and decodes its plan. The fragment's inputs stay closed.
    ///
    /// # Errors
    /// For a request that is not of this version.
    pub fn decode(request: &TaskRequest) -> Result<Self> {
        let plan = request.decompressed_plan()?;
        let task = (request.attempt.task.task as usize, request.task_count as usize);
        let runtime = Arc::new(RuntimeEnv::default());
        for pin in &request.pins {
            // Decoding looks a scan's store up; nothing is read from it.
            let url = Url::parse(&pin.store).map_err(|error| Error::internal(format!("{}: {error}", pin.store)))?;
            runtime.register_object_store(&url, Arc::new(InMemory::new()));
        }
        let source = Source::new(request.run, None, &runtime.memory_pool);
        let inputs = super::FragmentInputs::new(source, Vec::new());
        let (root, context) = decode_root(&plan, task, &request.options, inputs, runtime)?;
        Ok(Self { root, context })
    }

    /// What the coordinator does with the plan of each task: encodes and compresses it.
    ///
    /// # Errors
    /// For a plan that cannot travel.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let bytes = MaybeEncoded::Decoded(Arc::clone(&self.root)).encode(&self.context)?;
        Ok(compress(&bytes)?)
    }
}
