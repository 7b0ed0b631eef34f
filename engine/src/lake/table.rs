//! The table provider: from filters to the files that are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arachne_catalog::SortColumn;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Statistics, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;

use super::LakeContext;
use super::order::file_order;
use super::parquet_files::{footer_guess, footers};
use super::partition_values::is_partition_filter;
use super::pruning::may_match;
use super::source::{FileSourceOf, LakeFile};
use super::statistics::{column_sizes, file_statistics};
use crate::error::{Error, Result};
use crate::formats::TextFormat;
use crate::planner::sizing::ColumnSizes;
use crate::storage::{AnyCaseAdapterFactory, StoreUrl, misfit};

/// Scans of more files go without footers: no pruning of files, no sizes for joins, types checked as files are opened.
const FOOTERS_PER_SCAN: usize = 5000;

/// How the files of a table are written.
#[derive(Debug, Clone)]
pub(super) enum TableFormat {
    Parquet,
    Text(Arc<TextFormat>),
}

/// A table of the lake: a catalog table or a path.
#[derive(Debug)]
pub struct LakeTable {
    context: Arc<LakeContext>,
    name: String,
    format: TableFormat,
    schema: TableSchema,
    keys: Vec<FieldRef>,
    source: FileSourceOf,
    /// How the rows of every file are sorted.
    sorted_by: Vec<SortColumn>,
}

impl LakeTable {
    pub(super) fn new(
        context: Arc<LakeContext>,
        name: String,
        format: TableFormat,
        file_schema: SchemaRef,
        keys: Vec<FieldRef>,
        source: FileSourceOf,
    ) -> Result<Self> {
        let views = matches!(format, TableFormat::Parquet) && context.parquet().global.schema_force_view_types;
        let file_schema = if views { with_views(&file_schema) } else { file_schema };
        let schema = TableSchema::builder(file_schema).with_table_partition_cols(keys.clone()).build();
        Ok(Self { context, name, format, schema, keys, source, sorted_by: Vec::new() })
    }

    /// The same table, of files whose rows are sorted.
    pub(super) fn sorted_by(self, sorted_by: Vec<SortColumn>) -> Self {
        Self { sorted_by, ..self }
    }

    /// `database.table`, or the location.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the columns that come from partitions; they stand last in the schema.
    pub fn partition_columns(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.name().as_str())
    }

    async fn plan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (on_partitions, on_rows): (Vec<_>, Vec<_>) =
            filters.iter().cloned().partition(|filter| is_partition_filter(&self.keys, filter));
        let files = self.source.files(&self.context, session, &self.keys, &on_partitions).await?;
        let report = self.context.report();
        for file in &files {
            report.listed(&file.store, &file.object.location, file.object.size);
        }
        let (files, sizes) = self.with_statistics(session, files).await?;
        let files = self.prune(session, files, &on_rows)?;
        let files = if on_rows.is_empty() { enough_for(files, limit) } else { files };
        for ScanFile { file, .. } in &files {
            report.chosen(&file.store, &file.object.location, file.object.size);
        }

        let mut by_store: BTreeMap<StoreUrl, Vec<_>> = BTreeMap::new();
        for file in files {
            by_store.entry(file.file.store.clone()).or_default().push(file);
        }
        let mut scans = Vec::with_capacity(by_store.len());
        for (store, files) in by_store {
            scans.push(self.scan_store(session, &store, files, sizes.as_ref(), projection, limit).await?);
        }
        match scans.len() {
            0 => Ok(Arc::new(EmptyExec::new(project_schema(self.schema.table_schema(), projection)?))),
            1 => Ok(scans.remove(0)),
            _ => Ok(UnionExec::try_new(scans)?),
        }
    }

    /// Reads footers where there are not too many, and checks each file's types against the table's. Files without rows are left out: they
    /// state nothing of any column, and what is not known of one file is not known of the table.
    async fn with_statistics(
        &self,
        session: &dyn Session,
        files: Vec<LakeFile>,
    ) -> Result<(Vec<ScanFile>, Option<Arc<ColumnSizes>>)> {
        let is_parquet = matches!(self.format, TableFormat::Parquet);
        if !is_parquet || files.len() > FOOTERS_PER_SCAN || !session.config().collect_statistics() {
            return Ok((files.into_iter().map(ScanFile::unknown).collect(), None));
        }
        let footers = footers(&self.context, &files).await?;
        let file_schema = self.schema.file_schema();
        let sizes = Arc::new(column_sizes(&footers, file_schema));
        let mut known = Vec::with_capacity(files.len());
        for (file, footer) in files.into_iter().zip(footers) {
            if let Some(error) = misfit(&footer.contents.schema, file_schema) {
                return Err(Error { message: format!("{}: {}", file.name(), error.message), ..error });
            }
            let statistics = file_statistics(&footer, file_schema, &self.keys, &file.values);
            if statistics.num_rows != Precision::Exact(0) {
                let tail_bytes = footer.tail_bytes(file.object.size);
                known.push(ScanFile { file, statistics: Some(Arc::new(statistics)), tail_bytes });
            }
        }
        Ok((known, Some(sizes)))
    }

    fn prune(&self, session: &dyn Session, files: Vec<ScanFile>, filters: &[Expr]) -> Result<Vec<ScanFile>> {
        let known: Option<Vec<_>> = files.iter().map(|file| file.statistics.clone()).collect();
        let Some(statistics) = known.filter(|known| !known.is_empty()) else { return Ok(files) };
        let keep = may_match(session, self.schema.table_schema(), filters, &statistics)?;
        Ok(files.into_iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
    }

    async fn scan_store(
        &self,
        session: &dyn Session,
        store: &StoreUrl,
        files: Vec<ScanFile>,
        sizes: Option<&Arc<ColumnSizes>>,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let statistics = self.merged(&files)?;
        let mut parquet = self.context.parquet().clone();
        if let Some(most) = files.iter().map(|file| file.tail_bytes).max().flatten() {
            // What single files are known to need stays behind when a scan is sent to a worker.
            parquet.global.metadata_size_hint = parquet.global.metadata_size_hint.map(|guess| guess.min(most));
        }
        let files = files.into_iter().map(|ScanFile { file, statistics, tail_bytes }| {
            let guess = tail_bytes.or_else(|| footer_guess(&self.context, &file));
            let mut partitioned = PartitionedFile::new_from_meta(file.object);
            partitioned.metadata_size_hint = guess;
            partitioned.partition_values = file.values;
            partitioned.statistics = statistics;
            if let Some(sizes) = sizes {
                partitioned.extensions.insert_arc(Arc::clone(sizes));
            }
            partitioned
        });
        let files: Vec<_> = files.collect();
        // Only a group of one file is as sorted as its file.
        let order = file_order(&self.sorted_by, self.schema.table_schema());
        let order = order.filter(|_| files.len() <= session.config().target_partitions());
        let groups = FileGroup::new(files).split_files(session.config().target_partitions());
        let (format, adapter) = match &self.format {
            TableFormat::Parquet => {
                let parquet = ParquetFormat::default().with_options(parquet);
                (Arc::new(parquet) as Arc<dyn FileFormat>, Some(Arc::new(AnyCaseAdapterFactory) as _))
            }
            TableFormat::Text(format) => (Arc::clone(format) as _, None),
        };
        let source = format.file_source(self.schema.clone());
        let scan = FileScanConfigBuilder::new(ObjectStoreUrl::parse(store.as_str())?, source)
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_output_ordering(order.into_iter().collect())
            .with_expr_adapter(adapter)
            .build();
        Ok(format.create_physical_plan(session, scan).await?)
    }

    /// Statistics of the scan. Where files have none, their size, and of text the rows that so many bytes may be, is still an estimate to order
    /// joins by.
    fn merged(&self, files: &[ScanFile]) -> Result<Statistics> {
        let schema = self.schema.table_schema();
        let known: Option<Vec<_>> = files.iter().map(|file| file.statistics.as_deref()).collect();
        if let Some(known) = known {
            return Ok(Statistics::try_merge_iter(known, schema)?);
        }
        let bytes: u64 = files.iter().map(|file| file.file.object.size).sum();
        let estimate = |number: u64| Precision::Inexact(usize::try_from(number).unwrap_or(usize::MAX));
        let num_rows = match &self.format {
            TableFormat::Parquet => Precision::Absent,
            TableFormat::Text(format) => {
                let rows = |file: &ScanFile| format.estimated_rows(self.schema.file_schema(), &file.file.object);
                estimate(files.iter().map(rows).sum())
            }
        };
        Ok(Statistics { num_rows, total_byte_size: estimate(bytes), ..Statistics::new_unknown(schema) })
    }
}

/// A file, and what its footer says where that was read.
struct ScanFile {
    file: LakeFile,
    statistics: Option<Arc<Statistics>>,
    /// Behind the data.
    tail_bytes: Option<usize>,
}

impl ScanFile {
    fn unknown(file: LakeFile) -> Self {
        Self { file, statistics: None, tail_bytes: None }
    }
}

/// The first files that surely hold `limit` rows.
fn enough_for(mut files: Vec<ScanFile>, limit: Option<usize>) -> Vec<ScanFile> {
    let Some(limit) = limit else { return files };
    let mut rows = 0;
    let enough = files.iter().position(|file| {
        if let Some(Precision::Exact(more)) = file.statistics.as_ref().map(|statistics| statistics.num_rows) {
            rows += more;
        }
        rows >= limit
    });
    if let Some(last) = enough {
        files.truncate(last + 1);
    }
    files
}

/// Strings and binaries as views: their bytes are not copied when rows are filtered.
fn with_views(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Utf8 => DataType::Utf8View,
            DataType::Binary => DataType::BinaryView,
            _ => return Arc::clone(field),
        };
        Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self.plan(session, projection, filters, limit).await?)
    }

    /// Filters on partition keys alone are decided on the values, exactly; the others drop files and row groups, and rows are
    /// filtered above the scan.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        let pushdown = |filter: &&Expr| match is_partition_filter(&self.keys, filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(pushdown).collect())
    }
}
