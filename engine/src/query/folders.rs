//! Looks for partition folders below a table's location.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arachne_catalog::Table;
use async_trait::async_trait;
use datafusion::execution::object_store::ObjectStoreRegistry;
use futures::TryStreamExt;

use super::shared::QueryContext;
use crate::error::{Error, Result};
use crate::lake::Location;
use crate::sql::ddl::PartitionFolders;
use crate::storage::{Pins, QueryStores};

/// Lists through stores that count for the query.
pub(super) struct Folders {
    stores: Arc<dyn ObjectStoreRegistry>,
}

impl Folders {
    pub(super) fn new(query: &QueryContext) -> Self {
        let meter = Arc::clone(&query.ledger.meter);
        let stores = QueryStores::with_pins(Arc::clone(&query.shared.stores), meter, Arc::new(Pins::default()));
        Self { stores: query.guard.stores(stores) }
    }
}

impl fmt::Debug for Folders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Folders").finish_non_exhaustive()
    }
}

#[async_trait]
impl PartitionFolders for Folders {
    async fn partition_folders(&self, table: &Table) -> Result<Vec<String>> {
        let (store, root) = Location::folder(&table.storage.location)?;
        let store = self.stores.get_store(&store.url()?)?;
        let mut found = BTreeSet::new();
        let mut objects = store.list(Some(&root));
        while let Some(object) = objects.try_next().await.map_err(Error::from)? {
            let Some(parts) = object.location.prefix_match(&root) else { continue };
            let parts: Vec<String> = parts.map(|part| part.as_ref().to_owned()).collect();
            let Some((file, folders)) = parts.split_last() else { continue };
            if !file.starts_with(['_', '.']) && !folders.is_empty() {
                found.insert(folders.join("/"));
            }
        }
        Ok(found.into_iter().collect())
    }
}
