//! More of a table is read at once than there are cores.
//!
//! DataFusion reads one file per partition, one row group after the other, and plans one partition per core: over S3 its
//! time is waiting. Planning more partitions would multiply hash tables and exchanges; so only the scan is cut finer, and
//! [`ReadAheadExec`] brings its many streams back to the number of partitions that the rest of the plan was made for.
//!
//! And one scan waits for another: a join reads its build side before it opens the other. What is small costs little but that wait,
//! so small scans all begin with the query.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Statistics, internal_err};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{
    ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    StatisticsArgs,
};
use futures::StreamExt;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::turns::taking_turns;
use crate::error::Result;

/// Smaller pieces are not worth a request of their own.
const MIN_PIECE: u64 = 4 * 1024 * 1024;
/// Writers of Parquet close a row group at about this size; a reader holds the projected columns of one.
const ROW_GROUP: u64 = 128 * 1024 * 1024;
/// A file of at most so many bytes is one request, and a stream that reads such files almost only waits.
const SMALL_FILE: u64 = 1024 * 1024;
/// What a stream holds at the least: its decoder and the batches on their way.
const MIN_HELD: u64 = 1024 * 1024;

/// How far one scan may read ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadAhead {
    /// Streams open at once per scan, each with about one request in flight.
    pub in_flight: usize,
    /// The same where no file is larger than 1 MiB.
    pub small_files_in_flight: usize,
    /// Bytes that the streams of one scan may hold, by estimate: a stream holds the projected columns of one row group,
    /// taken to be 128 MiB, or the whole file where that is smaller. Never fewer streams than partitions, though.
    pub buffer_bytes: u64,
    /// A scan that reads no more, by estimate, begins when the query does. It may then read what a filter that a join makes later
    /// would have left out.
    pub eager_bytes: u64,
}

impl ReadAhead {
    /// With so many streams, whatever the size of the files.
    pub(crate) fn with_streams(self, streams: usize) -> Self {
        Self { in_flight: streams, small_files_in_flight: streams, ..self }
    }
}

impl Default for ReadAhead {
    fn default() -> Self {
        Self {
            in_flight: 16,
            small_files_in_flight: 64,
            buffer_bytes: 512 * 1024 * 1024,
            eager_bytes: 32 * 1024 * 1024,
        }
    }
}

/// Cuts every file scan of a plan finer and puts a [`ReadAheadExec`] over it.
///
/// Left as they are: scans whose order or partitioning the plan relies on, scans with a pushed-down LIMIT (they would
/// fetch what nobody reads), and large scans that have as many streams already. A file is cut only where its source allows:
/// never compressed text, never text with quoted newlines.
pub fn read_ahead(plan: Arc<dyn ExecutionPlan>, settings: &ReadAhead) -> Result<Arc<dyn ExecutionPlan>> {
    let rewritten = plan.transform_up(|node| {
        if let Some(ahead) = all_of_one(&node) {
            let as_one = ReadAheadExec::try_new(Arc::clone(&ahead.input), 1, ahead.start)?;
            return Ok(Transformed::yes(Arc::new(as_one) as _));
        }
        let scan = node.downcast_ref::<DataSourceExec>();
        let scan = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
        let Some(scan) = scan.filter(|scan| is_free(scan)) else { return Ok(Transformed::no(node)) };
        let size = ScanBytes::of(scan)?;
        let start = if size.read <= settings.eager_bytes { Start::WithTheQuery } else { Start::WhenPolled };
        let outputs = node.output_partitioning().partition_count();
        let input = match cut_finer(scan, size.wanted_streams(settings))? {
            Some(finer) => DataSourceExec::from_data_source(taking_turns(finer, outputs)) as _,
            None if start == Start::WithTheQuery => Arc::clone(&node),
            None => return Ok(Transformed::no(node)),
        };
        let ahead = ReadAheadExec::try_new(input, outputs, start)?;
        Ok(Transformed::yes(Arc::new(ahead) as _))
    });
    Ok(rewritten.data()?)
}

/// What is read ahead and then brought together at once: it can come together by itself, with one hand-over less for each batch.
fn all_of_one(node: &Arc<dyn ExecutionPlan>) -> Option<&ReadAheadExec> {
    let all = node.downcast_ref::<CoalescePartitionsExec>().filter(|all| all.fetch().is_none())?;
    all.input().downcast_ref()
}

/// Whether its files may be read in any order and to their end.
fn is_free(scan: &FileScanConfig) -> bool {
    let is_ordered = scan.preserve_order || !scan.output_ordering.is_empty() || scan.output_partitioning.is_some();
    !is_ordered && scan.limit.is_none() && !scan.file_groups.is_empty()
}

fn cut_finer(scan: &FileScanConfig, streams: usize) -> DataFusionResult<Option<FileScanConfig>> {
    let partitions = scan.file_groups.len();
    if streams <= partitions {
        return Ok(None);
    }
    let by_range = scan.repartitioned(streams, 0, None)?;
    let by_range = by_range.as_ref().and_then(|source| source.downcast_ref::<FileScanConfig>());
    let groups = match by_range {
        Some(cut) => cut.file_groups.clone(),
        None => whole_files(scan, streams),
    };
    if groups.len() <= partitions {
        return Ok(None);
    }
    Ok(Some(FileScanConfigBuilder::from(scan.clone()).with_file_groups(groups).build()))
}

/// The size of a scan, by estimate.
struct ScanBytes {
    files: u64,
    /// Of the files.
    total: u64,
    largest: u64,
    /// Of the columns that are read, taken to be of one size.
    read: u64,
    /// That one stream holds.
    held: u64,
}

impl ScanBytes {
    fn of(scan: &FileScanConfig) -> DataFusionResult<Self> {
        let files: Vec<_> = scan.file_groups.iter().flat_map(|group| group.iter()).collect();
        let total: u64 = files.iter().map(|file| file.effective_size()).sum();
        let largest = files.iter().map(|file| file.object_meta.size).max().unwrap_or(0);
        let columns = scan.file_schema().fields().len().max(1) as u64;
        let projected = (scan.projected_schema()?.fields().len().max(1) as u64).min(columns);
        let held = (largest.min(ROW_GROUP) * projected / columns).max(MIN_HELD);
        Ok(Self { files: files.len() as u64, total, largest, read: total / columns * projected, held })
    }

    fn wanted_streams(&self, settings: &ReadAhead) -> usize {
        let affordable = (settings.buffer_bytes / self.held).max(1);
        let useful = self.total.div_ceil(MIN_PIECE).max(self.files);
        let in_flight = match self.largest {
            ..=SMALL_FILE => settings.small_files_in_flight,
            _ => settings.in_flight,
        };
        useful.min(affordable).min(in_flight as u64) as usize
    }
}

/// One file per group while groups last, then by turns, the largest first.
fn whole_files(scan: &FileScanConfig, streams: usize) -> Vec<FileGroup> {
    let mut files: Vec<_> = scan.file_groups.iter().flat_map(|group| group.iter().cloned()).collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.effective_size()));
    let mut groups = vec![Vec::new(); streams.min(files.len())];
    for (index, file) in files.into_iter().enumerate() {
        let group = index % groups.len();
        groups[group].push(file);
    }
    groups.into_iter().map(FileGroup::new).collect()
}

/// When the inputs of a [`ReadAheadExec`] start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// When an output is first polled, so that a join's filter is there before its probe side is opened.
    WhenPolled,
    /// With the query, whoever polls.
    WithTheQuery,
}

/// Runs `n` input partitions at once behind `p` output partitions: input `i` feeds output `i % p`, in no order.
///
/// Each input runs as a task of its own, with one finished batch waiting for each; of Parquet, few inputs of an output decode at a
/// time (`turns`). Dropping the output stops them.
#[derive(Debug)]
pub struct ReadAheadExec {
    input: Arc<dyn ExecutionPlan>,
    start: Start,
    properties: Arc<PlanProperties>,
}

impl ReadAheadExec {
    /// Fails when there are more outputs than inputs.
    pub fn try_new(input: Arc<dyn ExecutionPlan>, partitions: usize, start: Start) -> DataFusionResult<Self> {
        let inputs = input.output_partitioning().partition_count();
        if partitions == 0 || partitions > inputs {
            return internal_err!("cannot feed {partitions} partitions from {inputs} inputs");
        }
        let mut equivalences = input.equivalence_properties().clone();
        equivalences.clear_orderings();
        equivalences.clear_per_partition_constants();
        let properties = PlanProperties::new(
            equivalences,
            Partitioning::UnknownPartitioning(partitions),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Ok(Self { input, start, properties: Arc::new(properties) })
    }

    fn partitions(&self) -> usize {
        self.properties.output_partitioning().partition_count()
    }
}

impl DisplayAs for ReadAheadExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs = self.input.output_partitioning().partition_count();
        write!(f, "ReadAheadExec: streams={inputs}, partitions={}", self.partitions())?;
        match self.start {
            Start::WhenPolled => Ok(()),
            Start::WithTheQuery => write!(f, ", eager"),
        }
    }
}

impl ExecutionPlan for ReadAheadExec {
    fn name(&self) -> &str {
        "ReadAheadExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let [input] = <[_; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("ReadAheadExec has one child".to_owned()))?;
        Ok(Arc::new(Self::try_new(input, self.partitions(), self.start)?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let inputs: Vec<_> =
            (partition..self.input.output_partitioning().partition_count()).step_by(self.partitions()).collect();
        let (input, schema) = (Arc::clone(&self.input), self.schema());
        match self.start {
            Start::WithTheQuery => start(&input, inputs, &context),
            Start::WhenPolled => {
                let started = futures::stream::once(async move { start(&input, inputs, &context) }).try_flatten();
                Ok(Box::pin(RecordBatchStreamAdapter::new(schema, started)))
            }
        }
    }

    fn child_stats_requests(&self, _: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(None)]
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> DataFusionResult<Arc<Statistics>> {
        match (inputs, args.partition()) {
            ([all], None) => Ok(Arc::clone(all)),
            _ => Ok(Arc::new(Statistics::new_unknown(&self.schema()))),
        }
    }
}

fn start(
    input: &Arc<dyn ExecutionPlan>,
    partitions: Vec<usize>,
    context: &Arc<TaskContext>,
) -> DataFusionResult<SendableRecordBatchStream> {
    let mut builder = RecordBatchReceiverStream::builder(input.schema(), partitions.len().max(1));
    for partition in partitions {
        let mut batches = input.execute(partition, Arc::clone(context))?;
        let output = builder.tx();
        builder.spawn(async move {
            while let Some(batch) = batches.next().await {
                let failed = batch.is_err();
                // Nobody listens any more: the query was dropped or has enough rows.
                if output.send(batch).await.is_err() || failed {
                    break;
                }
            }
            Ok(())
        });
    }
    Ok(builder.build())
}
