//! A table of `information_schema`, as DataFusion scans it.

use std::sync::Arc;

use arachne_catalog::Catalog;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::contents::Contents;
use super::wanted::Wanted;

#[derive(Debug)]
pub(super) struct InformationTable {
    contents: Contents,
    catalog: Arc<dyn Catalog>,
}

impl InformationTable {
    pub(super) fn new(contents: Contents, catalog: Arc<dyn Catalog>) -> Self {
        Self { contents, catalog }
    }
}

#[async_trait]
impl TableProvider for InformationTable {
    fn schema(&self) -> SchemaRef {
        self.contents.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    /// They only say what need not be asked for.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = Wanted::by(filters, self.contents.schema_column());
        let rows = self.contents.rows(self.catalog.as_ref(), &wanted).await?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![rows]], self.contents.schema(), projection.cloned())?)
    }
}
