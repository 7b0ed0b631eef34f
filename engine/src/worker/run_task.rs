//! One attempt of one task, from request to response.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::TaskContext;
use datafusion::execution::cache::cache_manager::{CacheManager, CacheManagerConfig};
use datafusion::execution::disk_manager::{DiskManager, DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::metrics::Time;
use datafusion::physical_plan::repartition::BatchPartitioner;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::WorkerSettings;
use super::combine::combine;
use super::request::{resolve_inputs, resolve_stored};
use super::stop::Stop;
use super::surroundings::Surroundings;
use super::task_memory::TaskMemory;
use crate::error::{Error, ErrorCode, Result};
use crate::exchange::{Destination, OutputWriter, Source, layout};
use crate::planner::distributed::{Fragment, FragmentInputs};
use crate::planner::ready::ready_to_run;
use crate::protocol::{ENGINE_VERSION, ExchangeConfig, StageInput, TaskOutput, TaskRequest, TaskResponse, TaskStats};
use crate::storage::{ObjectStores, Pins, QueryStores, ReadAhead, StoreMeter, exchange_store, query_caches};

/// Footers kept between tasks.
const METADATA_CACHE_BYTES: usize = 128 * 1024 * 1024;

/// Batches on their way to the writer.
const BATCHES_IN_FLIGHT: usize = 4;

/// Of an attempt that follows one killed for its memory: an eighth of DataFusion's own.
const FRUGAL_BATCH_SIZE: [&str; 2] = ["datafusion.execution.batch_size", "1024"];

/// Runs tasks; cheap to clone into an `Arc` and share.
#[derive(Debug)]
pub struct Worker {
    settings: WorkerSettings,
    stores: Arc<ObjectStores>,
    memory: Arc<dyn MemoryPool>,
    disk: Arc<DiskManager>,
    cache: Arc<CacheManager>,
    compute: Option<Handle>,
}

impl Worker {
    /// # Errors
    /// When the spill folder cannot be used.
    pub fn try_new(settings: WorkerSettings) -> Result<Self> {
        let stores = Arc::new(ObjectStores::new(settings.storage.clone()));
        Self::try_with_stores(settings, stores)
    }

    /// With stores that exist already: the coordinator's own, or a test's.
    ///
    /// # Errors
    /// When the spill folder cannot be used.
    pub fn try_with_stores(settings: WorkerSettings, stores: Arc<ObjectStores>) -> Result<Self> {
        let cache = CacheManagerConfig::default()
            .with_list_files_cache_limit(0)
            .with_metadata_cache_limit(METADATA_CACHE_BYTES);
        Ok(Self {
            stores,
            memory: Arc::new(FairSpillPool::new(settings.memory_bytes)),
            disk: Arc::new(disk_manager(settings.spill_dir.as_deref(), settings.spill_bytes)?),
            cache: CacheManager::try_new(&cache)?,
            settings,
            compute: None,
        })
    }

    /// Executes plans on another runtime than the one that asks it to: then an attempt hears that it is no longer wanted, or late,
    /// whatever its operators do.
    #[must_use]
    pub fn computing_on(self, runtime: Handle) -> Self {
        Self { compute: Some(runtime), ..self }
    }

    /// Runs one attempt. Never panics and never fails: what goes wrong is in the response.
    pub async fn run(&self, request: TaskRequest) -> TaskResponse {
        let attempt = request.attempt;
        let started = Instant::now();
        let meter = Arc::new(StoreMeter::default());
        let mut stats = TaskStats::default();
        let result = self.run_in_time(request, &meter, &mut stats).await;
        stats.elapsed_ms = started.elapsed().as_millis() as u64;
        stats.requests = meter.snapshot();
        TaskResponse { attempt, result, stats }
    }

    async fn run_in_time(
        &self,
        request: TaskRequest,
        meter: &Arc<StoreMeter>,
        stats: &mut TaskStats,
    ) -> Result<TaskOutput> {
        if request.version != ENGINE_VERSION {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("the coordinator is version {} and this worker is {ENGINE_VERSION}", request.version),
            )
            .with_hint("deploy the function and the coordinator from the same build"));
        }
        let limit = Duration::from_millis(request.timeout_ms);
        let late =
            || Error::new(ErrorCode::Timeout, format!("the task did not finish within {} s", limit.as_secs_f64()));
        tokio::time::timeout(limit, self.run_request(request, meter, stats)).await.unwrap_or_else(|_| Err(late()))
    }

    async fn run_request(
        &self,
        request: TaskRequest,
        meter: &Arc<StoreMeter>,
        stats: &mut TaskStats,
    ) -> Result<TaskOutput> {
        let exchange = self.exchange(&request, meter)?;
        let stop = Stop::new(&request, exchange.as_ref(), Arc::clone(meter))?;
        let request = resolve_stored(request, exchange.as_ref()).await?;
        let surroundings = self.surroundings_of(&request, meter)?;
        let source = Source::new(request.run, exchange.clone(), &surroundings.runtime.memory_pool);
        let inputs = resolve_inputs(&request.inputs, exchange.as_ref()).await?;
        let writer = match request.combine {
            true => combine_inputs(inputs, &source, &surroundings, &stop, stats).await?,
            false => self.run_fragment(&request, inputs, source, &surroundings, &stop, stats).await?,
        };
        stop.check_wanted().await?;
        let (config, store) = exchange.clone().unzip();
        let (run, attempt, placement) = (request.run, request.attempt, request.output);
        let output = writer.finish(Destination { run, attempt, placement, exchange: config.as_ref(), store }).await?;
        if let Some(copy) = output.copy
            && let Err(unwanted) = stop.check_wanted().await
        {
            remove_output(&layout::output_name(run, attempt, copy), exchange).await?;
            return Err(unwanted);
        }
        Ok(output)
    }

    async fn run_fragment(
        &self,
        request: &TaskRequest,
        inputs: Vec<StageInput>,
        source: Source,
        surroundings: &Surroundings,
        stop: &Stop,
        stats: &mut TaskStats,
    ) -> Result<OutputWriter> {
        let plan = request.decompressed_plan()?;
        let task = (request.attempt.task.task as usize, request.task_count as usize);
        let inputs = FragmentInputs::new(source, inputs);
        let mut options = request.options.clone();
        if request.low_memory {
            options.push(FRUGAL_BATCH_SIZE.map(str::to_owned).into());
        }
        let mut fragment = Fragment::decode(&plan, task, &options, inputs, Arc::clone(&surroundings.runtime))?;
        let read_ahead = match request.low_memory {
            true => ReadAhead { eager_bytes: 0, ..self.settings.read_ahead.with_streams(1) },
            false => self.settings.read_ahead,
        };
        let options = fragment.context.session_config().options();
        fragment.plan = ready_to_run(fragment.plan, &read_ahead, options)?;
        let mut writer = OutputWriter::try_new(&fragment.schema(), fragment.output_partitions(), &fragment.context)?;
        let executed = stop.unless_stopped(execute(&fragment, &mut writer, self.compute.as_ref())).await;
        *stats = surroundings.stats(&fragment.plan);
        stats.spilled_bytes += writer.spilled();
        executed.map(|()| writer)
    }

    /// An attempt that follows one killed for its memory gets half of it, so that its operators spill before memory is short.
    fn surroundings_of(&self, request: &TaskRequest, meter: &Arc<StoreMeter>) -> Result<Surroundings> {
        let memory = match request.low_memory {
            true => Arc::new(FairSpillPool::new(self.settings.memory_bytes / 2)) as _,
            false => Arc::clone(&self.memory),
        };
        self.surroundings_with(memory, Pins::new(request.pins.clone())?, Arc::clone(meter))
    }

    /// A task's own view of this worker. Pins may still be added to it.
    #[cfg(feature = "cluster")]
    pub(crate) fn surroundings(&self, pins: Pins, meter: Arc<StoreMeter>) -> Result<Surroundings> {
        self.surroundings_with(Arc::clone(&self.memory), pins, meter)
    }

    fn surroundings_with(
        &self,
        memory: Arc<dyn MemoryPool>,
        pins: Pins,
        meter: Arc<StoreMeter>,
    ) -> Result<Surroundings> {
        let pins = Arc::new(pins);
        let memory = Arc::new(TaskMemory::new(memory));
        let runtime = Arc::new(RuntimeEnv {
            memory_pool: Arc::clone(&memory) as _,
            disk_manager: Arc::clone(&self.disk),
            cache_manager: query_caches(&self.cache, Arc::clone(&pins))?,
            object_store_registry: QueryStores::with_pins(
                Arc::clone(&self.stores),
                Arc::clone(&meter),
                Arc::clone(&pins),
            ),
        });
        Ok(Surroundings { runtime, pins, meter, memory })
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn settings(&self) -> &WorkerSettings {
        &self.settings
    }

    fn exchange(
        &self,
        request: &TaskRequest,
        meter: &Arc<StoreMeter>,
    ) -> Result<Option<(ExchangeConfig, Arc<dyn ObjectStore>)>> {
        let Some(config) = &request.exchange else { return Ok(None) };
        let store = exchange_store(&self.stores, &layout::url(config)?, Arc::clone(meter))?;
        Ok(Some((config.clone(), store)))
    }
}

async fn combine_inputs(
    inputs: Vec<StageInput>,
    source: &Source,
    surroundings: &Surroundings,
    stop: &Stop,
    stats: &mut TaskStats,
) -> Result<OutputWriter> {
    let context = Arc::new(TaskContext::default().with_runtime(Arc::clone(&surroundings.runtime)));
    let combined = stop.unless_stopped(combine(inputs, source, &context)).await;
    stats.peak_memory_bytes = surroundings.memory.peak() as u64;
    let (rows, writer) = combined?;
    stats.rows_in = rows;
    stats.spilled_bytes = writer.spilled();
    Ok(writer)
}

/// What a cancelled attempt has uploaded nobody will read.
async fn remove_output(name: &str, exchange: Option<(ExchangeConfig, Arc<dyn ObjectStore>)>) -> Result<()> {
    let Some((config, store)) = exchange else { return Ok(()) };
    Ok(store.delete(&layout::path(&config, name)?).await?)
}

/// Drives all partitions at once and writes what they give. All of them run in this process: scan partitions share their files.
async fn execute(fragment: &Fragment, writer: &mut OutputWriter, compute: Option<&Handle>) -> Result<()> {
    let inputs = fragment.plan.output_partitioning().partition_count();
    match &fragment.partitioning {
        None => {
            let mut batches = spawn_partitions(&fragment.plan, &fragment.context, compute)?;
            while let Some((partition, batch)) = batches.recv().await? {
                writer.write(partition, batch)?;
            }
        }
        Some(partitioning) => {
            let mut partitioners = (0..inputs)
                .map(|input| BatchPartitioner::try_new(partitioning.clone(), Time::default(), input, inputs))
                .collect::<Result<Vec<_>, _>>()?;
            let mut batches = spawn_partitions(&fragment.plan, &fragment.context, compute)?;
            while let Some((input, batch)) = batches.recv().await? {
                partitioners[input].partition(batch, |partition, batch| Ok(writer.write(partition, batch)?))?;
            }
        }
    }
    Ok(())
}

/// What all partitions give, as it comes, with the number of the partition.
struct Batches {
    receiver: mpsc::Receiver<Result<(usize, RecordBatch)>>,
    tasks: Vec<SpawnedTask<()>>,
}

fn spawn_partitions(
    plan: &Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
    compute: Option<&Handle>,
) -> Result<Batches> {
    // What the operators spawn, now and later, goes there.
    let _computing = compute.map(Handle::enter);
    let (sender, receiver) = mpsc::channel(BATCHES_IN_FLIGHT);
    let tasks = (0..plan.output_partitioning().partition_count())
        .map(|partition| {
            let mut stream = plan.execute(partition, Arc::clone(context))?;
            let sender = sender.clone();
            Ok(SpawnedTask::spawn(async move {
                while let Some(batch) = stream.next().await {
                    let batch = batch.map(|batch| (partition, batch)).map_err(Error::from);
                    let is_last = batch.is_err();
                    if sender.send(batch).await.is_err() || is_last {
                        break;
                    }
                }
            }))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Batches { receiver, tasks })
}

impl Batches {
    /// `None` once every partition has ended well. The first error of a partition ends the task, whatever the others do; a panic when they
    /// have ended.
    async fn recv(&mut self) -> Result<Option<(usize, RecordBatch)>> {
        if let Some(batch) = self.receiver.recv().await {
            return batch.map(Some);
        }
        for task in self.tasks.drain(..) {
            task.join().await.map_err(|error| Error::internal(format!("the task panicked: {error}")))?;
        }
        Ok(None)
    }
}

pub(crate) fn disk_manager(dir: Option<&Path>, limit: u64) -> Result<DiskManager> {
    let mode = match dir {
        Some(dir) => DiskManagerMode::Directories(vec![dir.to_owned()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    Ok(DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(limit).build()?)
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Schema, SchemaRef};
    use datafusion::error::DataFusionError;
    use datafusion::execution::SendableRecordBatchStream;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
    use futures::stream;

    use super::*;

    #[derive(Debug)]
    struct Part {
        schema: SchemaRef,
        fails: bool,
    }

    impl PartitionStream for Part {
        fn schema(&self) -> &SchemaRef {
            &self.schema
        }

        fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
            let batches = match self.fails {
                true => stream::iter([Err(DataFusionError::Execution("broken".to_owned()))]).boxed(),
                false => stream::pending().boxed(),
            };
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
        }
    }

    #[tokio::test]
    async fn the_error_of_one_partition_does_not_wait_for_the_others() {
        let schema = Arc::new(Schema::empty());
        let parts = [false, true].map(|fails| Arc::new(Part { schema: Arc::clone(&schema), fails }) as _);
        let plan = StreamingTableExec::try_new(schema, parts.into(), None, [], false, None).unwrap();
        let plan: Arc<dyn ExecutionPlan> = Arc::new(plan);
        let mut batches = spawn_partitions(&plan, &Arc::default(), None).unwrap();
        let error = tokio::time::timeout(Duration::from_secs(60), batches.recv()).await.unwrap().unwrap_err();
        assert!(error.message.contains("broken"), "{error}");
    }
}
