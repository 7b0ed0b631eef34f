//! Names to tables, for DataFusion.

use std::sync::Arc;

use arachne_catalog::CatalogErrorKind;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::Result;

use super::{LakeContext, LakeTable, is_path};
use crate::error::Error;

/// Every database of the catalog as a schema. Whether one exists is known when a table of it is asked for.
#[derive(Debug)]
pub struct LakeCatalog {
    context: Arc<LakeContext>,
}

impl LakeCatalog {
    pub fn new(context: Arc<LakeContext>) -> Self {
        Self { context }
    }
}

impl CatalogProvider for LakeCatalog {
    /// Empty: the catalog cannot be asked without waiting. Ask it through `LakeContext::catalog`.
    fn schema_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(LakeSchema::new(Arc::clone(&self.context), name)))
    }
}

/// The tables of one database; and every path, which belongs to none.
#[derive(Debug)]
pub struct LakeSchema {
    context: Arc<LakeContext>,
    database: String,
}

impl LakeSchema {
    pub fn new(context: Arc<LakeContext>, database: impl Into<String>) -> Self {
        Self { context, database: database.into() }
    }
}

#[async_trait]
impl SchemaProvider for LakeSchema {
    /// Empty, as the names of the databases are.
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// `None` where the catalog has no such table or database; a path that cannot be read is an error.
    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let context = Arc::clone(&self.context);
        if is_path(name) {
            return Ok(Some(LakeTable::from_path(context, name).await?));
        }
        match context.catalog().table_and_state(&self.database, name).await {
            Ok((table, state)) => Ok(Some(Arc::new(LakeTable::from_catalog(context, table, state).await?))),
            Err(error) if error.kind == CatalogErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::from(error).into()),
        }
    }

    fn table_exist(&self, _: &str) -> bool {
        true
    }
}
