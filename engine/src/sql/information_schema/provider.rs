//! The schema, beside those of the lake.

use std::sync::Arc;

use arachne_catalog::Catalog;
use async_trait::async_trait;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProviderList, SchemaProvider, TableProvider};
use datafusion::error::Result;

use super::contents::{Contents, SCHEMA};
use super::table::InformationTable;

/// What DataFusion tells about itself.
const ENGINE_TABLES: [&str; 3] = ["df_settings", "parameters", "routines"];

/// A catalog of DataFusion's with `information_schema` in it.
#[derive(Debug)]
pub(crate) struct WithInformationSchema {
    lake: Arc<dyn CatalogProvider>,
    catalog: Arc<dyn Catalog>,
}

impl WithInformationSchema {
    /// `catalog` is what whoever asks may see.
    pub(crate) fn new(lake: Arc<dyn CatalogProvider>, catalog: Arc<dyn Catalog>) -> Self {
        Self { lake, catalog }
    }
}

impl CatalogProvider for WithInformationSchema {
    fn schema_names(&self) -> Vec<String> {
        self.lake.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name.eq_ignore_ascii_case(SCHEMA) {
            return Some(Arc::new(InformationSchema { catalog: Arc::clone(&self.catalog) }));
        }
        self.lake.schema(name)
    }
}

#[derive(Debug)]
struct InformationSchema {
    catalog: Arc<dyn Catalog>,
}

#[async_trait]
impl SchemaProvider for InformationSchema {
    fn table_names(&self) -> Vec<String> {
        let own = Contents::ALL.map(Contents::name);
        own.into_iter().chain(ENGINE_TABLES).map(ToOwned::to_owned).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let name = name.to_lowercase();
        if let Some(contents) = Contents::ALL.into_iter().find(|contents| contents.name() == name) {
            return Ok(Some(Arc::new(InformationTable::new(contents, Arc::clone(&self.catalog)))));
        }
        if !ENGINE_TABLES.contains(&name.as_str()) {
            return Ok(None);
        }
        InformationSchemaProvider::new(Arc::new(MemoryCatalogProviderList::new())).table(&name).await
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}
