//! A listing that breaks off goes on after the last key that came.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, Result};

use super::effort::Effort;

/// The objects of a store that lists in the order of keys, as S3 does.
pub(super) fn resumed_list(
    store: Arc<dyn ObjectStore>,
    effort: Arc<Effort>,
    name: String,
    prefix: Option<Path>,
    after: Option<Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let listing = open(store.as_ref(), prefix.as_ref(), after.as_ref());
    let state = Listing { store, effort, name, prefix, after, listing, failures: 0, ended: false };
    stream::unfold(state, next).boxed()
}

struct Listing {
    store: Arc<dyn ObjectStore>,
    effort: Arc<Effort>,
    name: String,
    prefix: Option<Path>,
    /// The last key that came.
    after: Option<Path>,
    listing: BoxStream<'static, Result<ObjectMeta>>,
    failures: u32,
    ended: bool,
}

fn open(
    store: &dyn ObjectStore,
    prefix: Option<&Path>,
    after: Option<&Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    match after {
        Some(after) => store.list_with_offset(prefix, after),
        None => store.list(prefix),
    }
}

async fn next(mut state: Listing) -> Option<(Result<ObjectMeta>, Listing)> {
    if state.ended {
        return None;
    }
    loop {
        match state.listing.next().await? {
            Ok(object) => {
                state.failures = 0;
                state.after = Some(object.location.clone());
                return Some((Ok(object), state));
            }
            Err(error) => {
                state.failures += 1;
                if let Err(error) = state.effort.pause_after(&state.name, error, state.failures).await {
                    state.ended = true;
                    return Some((Err(error), state));
                }
                state.listing = open(state.store.as_ref(), state.prefix.as_ref(), state.after.as_ref());
            }
        }
    }
}
