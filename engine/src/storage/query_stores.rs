//! The stores as one query, or one task, sees them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::error::Result as DataFusionResult;
use datafusion::execution::object_store::ObjectStoreRegistry;
use object_store::ObjectStore;
use url::Url;
use uuid::Uuid;

use super::range_cache::QueryCache;
use super::retry::{Effort, Retried};
use super::{Metered, ObjectStores, Pinned, Pins, RangePolicy, Ranged, StoreMeter, StoreUrl, Traffic};
use crate::error::Result;
use crate::protocol::FilePin;

/// DataFusion's registry of stores, with every client wrapped for one query: shaped, retried, pinned, counted.
pub struct QueryStores {
    stores: Arc<ObjectStores>,
    meter: Arc<StoreMeter>,
    pins: Arc<Pins>,
    effort: Arc<Effort>,
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
        let effort = effort(&stores);
        Arc::new(Self { stores, meter, pins, effort, wrapped: Mutex::default() })
    }

    fn wrap(&self, store: &StoreUrl, client: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        let metered = Arc::new(Metered::new(client, Arc::clone(&self.meter), Traffic::Scan));
        let pinned = Arc::new(Pinned::new(metered, store.clone(), Arc::clone(&self.pins)));
        let shaped = shaped(pinned, store, &self.stores, &self.effort);
        let Some(cache) = self.stores.cache().filter(|_| store.scheme() != "file") else { return Arc::new(shaped) };
        let (pins, meter) = (Arc::clone(&self.pins), Arc::clone(&self.meter));
        Arc::new(shaped.with_cache(QueryCache { cache, store: store.clone(), pins, meter }))
    }
}

/// Reads in good ranges, and again when they fail. A local file that cannot be read now cannot be read at the next try.
fn shaped(inner: Arc<dyn ObjectStore>, store: &StoreUrl, stores: &ObjectStores, effort: &Arc<Effort>) -> Ranged {
    if store.scheme() == "file" {
        return Ranged::new(inner, RangePolicy::LOCAL, stores.in_flight());
    }
    let retried = Arc::new(Retried::new(inner, store.clone(), Arc::clone(effort)));
    Ranged::new(retried, RangePolicy::REMOTE, stores.in_flight())
}

/// Of one query or task; its retries are spread differently from those of all others.
fn effort(stores: &ObjectStores) -> Arc<Effort> {
    Arc::new(Effort::new(stores.settings(), Uuid::new_v4().as_u64_pair().0))
}

/// The store that stages exchange rows through: shaped and counted as exchange, under the same bound on requests.
pub fn exchange_store(stores: &ObjectStores, url: &Url, meter: Arc<StoreMeter>) -> Result<Arc<dyn ObjectStore>> {
    let store = StoreUrl::of(url)?;
    let metered = Arc::new(Metered::new(stores.client(&store)?, meter, Traffic::Exchange));
    Ok(Arc::new(shaped(metered, &store, stores, &effort(stores))))
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
