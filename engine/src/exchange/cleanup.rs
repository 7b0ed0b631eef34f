//! Nothing stays in the exchange: what a run wrote is removed at its end, and what died with its coordinator by age.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tracing::debug;
use uuid::Uuid;

use super::layout;
use crate::error::{Error, Result};
use crate::protocol::{ExchangeConfig, RunId};

/// Times that a run's objects are listed and deleted before what is left stays for the sweep by age.
const ROUNDS: u32 = 4;

/// Before the second round; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// What becomes of the object that tells a run's workers to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Attempts may still run, and have to find it.
    Keep,
    Remove,
}

/// What a sweep by age has removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    pub runs: u64,
    pub objects: u64,
    pub bytes: u64,
}

/// Removes what lies below a run's prefix, a thousand objects a request; returns how many there were.
///
/// An object that is written meanwhile may stay: to be called again once no attempt can write any more.
pub(crate) async fn remove_run(
    store: &Arc<dyn ObjectStore>,
    exchange: &ExchangeConfig,
    run: RunId,
    marker: Marker,
) -> Result<u64> {
    let prefix = layout::run_prefix(exchange, run)?;
    let kept = match marker {
        Marker::Keep => Some(layout::path(exchange, &layout::cancel_name(run))?),
        Marker::Remove => None,
    };
    let mut removed = 0;
    let mut pause = PAUSE;
    for round in 1.. {
        let (listed, kept) = (store.list(Some(&prefix)).map_ok(|object| object.location), kept.clone());
        let names = listed.try_filter(move |name| future::ready(Some(name) != kept.as_ref()));
        match delete(store, names.boxed()).await {
            Ok(count) => {
                removed += count;
                break;
            }
            Err(error) if round < ROUNDS && error.code.is_retryable() => {
                debug!(%run, round, %error, "removing exchange objects again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => return Err(error),
        }
    }
    debug!(%run, objects = removed, "exchange objects removed");
    Ok(removed)
}

/// Removes runs of which nothing has been written since `before`, but those in `alive`.
///
/// A run's folder goes as a whole: one that still grows belongs to a query that runs somewhere, however old its first object.
pub(crate) async fn sweep_by_age(
    store: &Arc<dyn ObjectStore>,
    exchange: &ExchangeConfig,
    before: DateTime<Utc>,
    alive: &HashSet<RunId>,
) -> Result<Swept> {
    let root = layout::root(exchange)?;
    let folders = store.list_with_delimiter(Some(&root)).await?.common_prefixes;
    let mut swept = Swept::default();
    for run in folders.iter().filter_map(run_of).filter(|run| !alive.contains(run)) {
        let objects: Vec<ObjectMeta> =
            store.list(Some(&layout::run_prefix(exchange, run)?)).try_collect().await.map_err(Error::from)?;
        let newest = objects.iter().map(|object| object.last_modified).max();
        if newest.is_none_or(|newest| newest >= before) {
            continue;
        }
        swept.bytes += objects.iter().map(|object| object.size).sum::<u64>();
        let names = objects.into_iter().map(|object| Ok(object.location));
        swept.objects += delete(store, stream::iter(names.collect::<Vec<_>>()).boxed()).await?;
        swept.runs += 1;
    }
    Ok(swept)
}

/// Folders of other names are somebody else's.
fn run_of(folder: &Path) -> Option<RunId> {
    Uuid::parse_str(folder.parts().next_back()?.as_ref()).ok().map(RunId)
}

/// Deletes in bulk; goes on after an object that cannot be deleted, and fails with its error in the end.
async fn delete(
    store: &Arc<dyn ObjectStore>,
    names: stream::BoxStream<'static, object_store::Result<Path>>,
) -> Result<u64> {
    let (mut count, mut failed) = (0, None);
    let mut deleted = store.delete_stream(names);
    while let Some(name) = deleted.next().await {
        match name {
            // Somebody else was faster.
            Ok(_) | Err(object_store::Error::NotFound { .. }) => count += 1,
            Err(error) => failed = Some(Error::from(error)),
        }
    }
    failed.map_or(Ok(count), Err)
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;

    use super::*;

    fn exchange() -> ExchangeConfig {
        ExchangeConfig { url: "s3://bucket/x/".to_owned() }
    }

    async fn store(names: &[String]) -> Arc<dyn ObjectStore> {
        let store = Arc::new(InMemory::new());
        for name in names {
            store.put(&Path::from(name.as_str()), "rows".into()).await.unwrap();
        }
        store
    }

    async fn names(store: &Arc<dyn ObjectStore>) -> Vec<String> {
        let mut names: Vec<_> =
            store.list(None).map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_run_is_removed_but_for_its_marker_while_attempts_may_run() {
        let (run, other) = (RunId(Uuid::new_v4()), RunId(Uuid::new_v4()));
        let marker = format!("x/{run}/cancelled");
        let foreign = format!("x/{other}/1/0/0.arrow");
        let mut all: Vec<_> = (0..2500).map(|task| format!("x/{run}/1/{task}/0.arrow")).collect();
        all.extend([
            marker.clone(),
            format!("x/{run}/1/0/0.request.json"),
            format!("x/{run}/1/manifest"),
            foreign.clone(),
        ]);
        let store = store(&all).await;
        assert_eq!(remove_run(&store, &exchange(), run, Marker::Keep).await.unwrap(), 2502);
        let mut left = vec![marker, foreign.clone()];
        left.sort();
        assert_eq!(names(&store).await, left);
        assert_eq!(remove_run(&store, &exchange(), run, Marker::Remove).await.unwrap(), 1);
        assert_eq!(names(&store).await, [foreign]);
    }

    #[tokio::test]
    async fn a_sweep_takes_old_runs_and_nothing_else() {
        let (old, alive) = (RunId(Uuid::new_v4()), RunId(Uuid::new_v4()));
        let kept = [format!("x/{alive}/1/0/0.arrow"), "x/notes/readme".to_owned(), "y/other".to_owned()];
        let mut all =
            vec![format!("x/{old}/1/0/0.arrow"), format!("x/{old}/1/1/0.request.json"), format!("x/{old}/cancelled")];
        all.extend(kept.clone());
        let store = store(&all).await;
        let alive = HashSet::from([alive]);
        let young = Utc::now() - Duration::from_secs(3600);
        assert_eq!(sweep_by_age(&store, &exchange(), young, &alive).await.unwrap(), Swept::default());
        let later = Utc::now() + Duration::from_secs(3600);
        let swept = sweep_by_age(&store, &exchange(), later, &alive).await.unwrap();
        assert_eq!(swept, Swept { runs: 1, objects: 3, bytes: 12 });
        let mut kept = kept.to_vec();
        kept.sort();
        assert_eq!(names(&store).await, kept);
    }
}
