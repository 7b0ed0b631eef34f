//! The stores as one query, or one task, sees them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::error::Result as DataFusionResult;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use url::Url;

use super::{Metered, ObjectStores, Pinned, Pins, RangePolicy, Ranged, StoreMeter, StoreUrl, Traffic};
use crate::error::Result;
use crate::protocol::FilePin;

/// DataFusion's registry of stores, with every client wrapped for one query: shaped, pinned, counted.
pub struct QueryStores {
    stores: Arc<ObjectStores>,
    meter: Arc<StoreMeter>,
    pins: Arc<Pins>,
    wrapped: Mutex<HashMap<StoreUrl, Arc<dyn ObjectStore>>>,
}

impl QueryStores {
    /// With the pins of a task, which are complete. Fails where a pin is not a store and a key.
    #[expect(clippy::new_ret_no_self, reason = "it is only ever used as DataFusion's registry")]
    pub fn new(
        stores: Arc<ObjectStores>,
        meter: Arc<StoreMeter>,
        pins: Vec<FilePin>,
    ) -> Result<Arc<dyn ObjectStoreRegistry>> {
        Ok(Self::with_pins(stores, meter, Arc::new(Pins::new(pins)?)))
    }

    /// With pins that planning still adds to.
    pub fn with_pins(
        stores: Arc<ObjectStores>,
        meter: Arc<StoreMeter>,
        pins: Arc<Pins>,
    ) -> Arc<dyn ObjectStoreRegistry> {
        Arc::new(Self { stores, meter, pins, wrapped: Mutex::default() })
    }

    fn wrap(&self, store: &StoreUrl, client: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        let metered = Arc::new(Metered::new(client, Arc::clone(&self.meter), Traffic::Scan));
        let pinned = Arc::new(Pinned::new(metered, store.clone(), Arc::clone(&self.pins)));
        Arc::new(Ranged::new(pinned, policy(store), self.stores.in_flight()))
    }
}

/// The store that stages exchange rows through: shaped and counted as exchange, under the same bound on requests.
pub fn exchange_store(stores: &ObjectStores, url: &Url, meter: Arc<StoreMeter>) -> Result<Arc<dyn ObjectStore>> {
    let store = StoreUrl::of(url)?;
    let metered = Arc::new(Metered::new(stores.client(&store)?, meter, Traffic::Exchange));
    Ok(Arc::new(Ranged::new(metered, policy(&store), stores.in_flight())))
}

fn policy(store: &StoreUrl) -> RangePolicy {
    if store.scheme() == "file" { RangePolicy::LOCAL } else { RangePolicy::REMOTE }
}

impl ObjectStoreRegistry for QueryStores {
    fn register_store(&self, url: &Url, client: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        let store = StoreUrl::of(url).ok()?;
        let wrapped = self.wrap(&store, client);
        self.wrapped.lock().unwrap_or_else(PoisonError::into_inner).insert(store, wrapped)
    }

    fn get_store(&self, url: &Url) -> DataFusionResult<Arc<dyn ObjectStore>> {
        let store = StoreUrl::of(url)?;
        let mut wrapped = self.wrapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = wrapped.get(&store) {
            return Ok(Arc::clone(known));
        }
        let new = self.wrap(&store, self.stores.client(&store)?);
        wrapped.insert(store, Arc::clone(&new));
        Ok(new)
    }
}

impl fmt::Debug for QueryStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryStores").field("stores", &self.stores).finish_non_exhaustive()
    }
}
