//! Parts of a request that lie in the exchange, because they were too large to be sent.

use std::sync::Arc;

use object_store::{ObjectStore, ObjectStoreExt as _};

use crate::error::{Error, Result};
use crate::exchange::layout;
use crate::protocol::{ExchangeConfig, Manifest, StageInput, TaskRequest};

type Exchange<'a> = Option<&'a (ExchangeConfig, Arc<dyn ObjectStore>)>;

/// The whole request.
pub(super) async fn resolve_stored(request: TaskRequest, exchange: Exchange<'_>) -> Result<TaskRequest> {
    let Some(name) = &request.stored else { return Ok(request) };
    let bytes = read(name, exchange).await?;
    serde_json::from_slice(&bytes).map_err(|error| Error::internal(format!("stored task request {name}: {error}")))
}

/// What the fragment reads.
pub(super) async fn resolve_inputs(manifests: &[Manifest], exchange: Exchange<'_>) -> Result<Vec<StageInput>> {
    let inputs = manifests.iter().map(async |manifest| match manifest {
        Manifest::Here(bytes) => StageInput::decode(&bytes.0),
        Manifest::Stored(name) => StageInput::decode(&read(name, exchange).await?),
    });
    futures::future::try_join_all(inputs).await
}

async fn read(name: &str, exchange: Exchange<'_>) -> Result<bytes::Bytes> {
    let Some((config, store)) = exchange else {
        return Err(Error::internal(format!(
            "{name} lies in the exchange, and the request names no exchange location"
        )));
    };
    Ok(store.get(&layout::path(config, name)?).await?.bytes().await?)
}
