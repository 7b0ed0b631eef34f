//! Readers that ask for the same bytes at the same time share one request.
//!
//! Several parts of one Parquet file are opened at once, and each wants the footer: without this, reading ahead would
//! multiply the small requests by the number of parts.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use object_store::path::Path;
use tokio::sync::watch;

type Key = (Path, Range<u64>);

/// Requests that are under way, by what they ask for. Holds no bytes once a request has ended.
#[derive(Debug, Default)]
pub(super) struct SingleFlight {
    under_way: Mutex<HashMap<Key, watch::Receiver<Option<Bytes>>>>,
}

impl SingleFlight {
    /// Waits for the request that is under way for this range, else makes it with `fetch`.
    ///
    /// When the other request fails or is dropped, this one is made after all: an error belongs to the one who asked.
    pub(super) async fn get<F>(&self, path: &Path, range: Range<u64>, fetch: F) -> object_store::Result<Bytes>
    where
        F: Future<Output = object_store::Result<Bytes>>,
    {
        let key = (path.clone(), range);
        let Some(leader) = self.join(&key) else { return fetch.await };
        let sender = match leader {
            Role::Follow(bytes) => match landed(bytes).await {
                Some(bytes) => return Ok(bytes),
                None => return fetch.await,
            },
            Role::Lead(sender) => sender,
        };
        let landing = Landing { flights: self, key };
        let result = fetch.await;
        drop(landing);
        if let Ok(bytes) = &result {
            sender.send_replace(Some(bytes.clone()));
        }
        result
    }

    fn join(&self, key: &Key) -> Option<Role> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = under_way.get(key) {
            return Some(Role::Follow(bytes.clone()));
        }
        let (sender, receiver) = watch::channel(None);
        under_way.insert(key.clone(), receiver);
        Some(Role::Lead(sender))
    }
}

async fn landed(mut bytes: watch::Receiver<Option<Bytes>>) -> Option<Bytes> {
    bytes.wait_for(Option::is_some).await.ok()?.clone()
}

enum Role {
    Lead(watch::Sender<Option<Bytes>>),
    Follow(watch::Receiver<Option<Bytes>>),
}

/// Forgets the request when it ends, also when it is dropped half way.
struct Landing<'a> {
    flights: &'a SingleFlight,
    key: Key,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn broken() -> object_store::Error {
        object_store::Error::NotImplemented { operation: "test".into(), implementer: "test".into() }
    }

    #[tokio::test]
    async fn one_request_serves_all_who_wait() {
        let (flights, made, path) = (SingleFlight::default(), AtomicUsize::new(0), Path::from("a"));
        let fetch = || async {
            made.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(Bytes::from_static(b"xy"))
        };
        let (a, b, c) = tokio::join!(
            flights.get(&path, 0..2, fetch()),
            flights.get(&path, 0..2, fetch()),
            flights.get(&path, 0..3, fetch()),
        );
        assert_eq!((a.unwrap(), b.unwrap(), c.unwrap()), ("xy".into(), "xy".into(), "xy".into()));
        assert_eq!(made.load(Ordering::SeqCst), 2);
        assert!(flights.under_way.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_failed_or_dropped_request_is_made_again() {
        let (flights, path) = (SingleFlight::default(), Path::from("a"));
        let failing = async {
            tokio::task::yield_now().await;
            Err(broken())
        };
        let (first, second) =
            tokio::join!(flights.get(&path, 0..2, failing), flights.get(&path, 0..2, async { Ok("xy".into()) }));
        assert!(first.is_err());
        assert_eq!(second.unwrap(), "xy");

        let never = flights.get(&path, 0..2, std::future::pending());
        assert!(futures::FutureExt::now_or_never(never).is_none());
        assert_eq!(flights.get(&path, 0..2, async { Ok("z".into()) }).await.unwrap(), "z");
    }
}
