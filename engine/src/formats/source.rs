//! DataFusion's file source for delimited text.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::{CsvSource, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr};
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use object_store::ObjectStore;

use crate::error::Error;

use super::options::{OnError, TextOptions};
use super::reader::{Counters, TextOpener};
use super::rows::Target;

/// Rows of a batch when the plan does not say.
const BATCH_SIZE: usize = 8192;

/// Reads delimited text as [`TextOptions`] describe it.
///
/// Schema and projection are kept by an inner `CsvSource`, which also carries them over the wire (see `text_codec`); it opens no file.
#[derive(Debug, Clone)]
pub struct TextSource {
    bookkeeping: CsvSource,
    options: Arc<TextOptions>,
    batch_size: usize,
}

impl TextSource {
    pub fn new(table_schema: impl Into<TableSchema>, options: TextOptions) -> Self {
        Self::around(CsvSource::new(table_schema), Arc::new(options))
    }

    pub(super) fn around(bookkeeping: CsvSource, options: Arc<TextOptions>) -> Self {
        Self { bookkeeping, options, batch_size: BATCH_SIZE }
    }

    pub fn options(&self) -> &TextOptions {
        &self.options
    }

    pub fn with_options(&self, options: TextOptions) -> Self {
        Self { options: Arc::new(options), ..self.clone() }
    }

    pub(super) fn bookkeeping(&self) -> &CsvSource {
        &self.bookkeeping
    }

    fn with_bookkeeping(&self, source: &dyn FileSource) -> Result<Self> {
        match source.downcast_ref::<CsvSource>() {
            Some(csv) => Ok(Self { bookkeeping: csv.clone(), ..self.clone() }),
            None => Err(Error::internal("the CSV source turned into another source").into()),
        }
    }
}

impl FileSource for TextSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let file_schema = self.table_schema().file_schema();
        let projection = match self.projection() {
            Some(projection) => SplitProjection::new(file_schema, projection),
            None => SplitProjection::unprojected(self.table_schema()),
        };
        let target = Target {
            options: Arc::clone(&self.options),
            schema: Arc::clone(file_schema),
            projection: projection.file_indices.clone(),
            batch_size: self.batch_size,
        };
        let counters = Counters {
            rows_ignored: MetricBuilder::new(self.metrics()).counter("rows_ignored", partition),
            values_nulled: MetricBuilder::new(self.metrics()).counter("values_nulled", partition),
        };
        let store_url = base_config.object_store_url.to_string();
        let opener = Arc::new(TextOpener { store, store_url, target, counters });
        ProjectionOpener::try_new(projection, opener, file_schema)
    }

    fn table_schema(&self) -> &TableSchema {
        self.bookkeeping.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size: batch_size.max(1), ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.bookkeeping.projection()
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        match self.bookkeeping.try_pushdown_projection(projection)? {
            Some(source) => Ok(Some(Arc::new(self.with_bookkeeping(source.as_ref())?))),
            None => Ok(None),
        }
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.bookkeeping.metrics()
    }

    fn file_type(&self) -> &str {
        "text"
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, ", delimiter={:?}", char::from(self.options.delimiter))?;
                if self.options.header_lines > 0 {
                    write!(f, ", header_lines={}", self.options.header_lines)?;
                }
                match self.options.on_error {
                    OnError::Fail => Ok(()),
                    OnError::Ignore => write!(f, ", on_error=ignore"),
                    OnError::Null => write!(f, ", on_error=null"),
                }
            }
            DisplayFormatType::TreeRender => Ok(()),
        }
    }

    /// Whether a planner may cut files at all; which ones, [`TextOptions::is_splittable`] tells.
    fn supports_repartitioning(&self) -> bool {
        self.options.is_splittable("")
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        repartition_file_min_size: usize,
        output_ordering: Option<LexOrdering>,
        config: &FileScanConfig,
    ) -> Result<Option<FileScanConfig>> {
        let mut files = config.file_groups.iter().flat_map(|group| group.files());
        if !files.all(|file| self.options.is_splittable(file.object_meta.location.as_ref())) {
            return Ok(None);
        }
        // Only the files' names and sizes matter for this.
        self.bookkeeping.repartitioned(target_partitions, repartition_file_min_size, output_ordering, config)
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion, DataFusionError>,
    ) -> Result<TreeNodeRecursion> {
        self.bookkeeping.apply_expressions(f)
    }
}
