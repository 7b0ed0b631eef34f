//! The bytes of an object as a stream of ranged requests, the next ones under way while one is parsed.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::{Error, ErrorCode};

/// Requests under way for one open file, the one that is waited for included.
const AHEAD: usize = 3;

/// An object to read, with the size that the plan knows it to have.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) location: Path,
    pub(super) size: u64,
    /// `s3://bucket/key`, for messages.
    pub(super) name: String,
}

/// How large the requests are: they grow, so that a query that stops early has not fetched much.
#[derive(Clone, Copy)]
pub(super) struct ChunkSizes {
    pub(super) first: u64,
    pub(super) largest: u64,
}

impl ChunkSizes {
    pub(super) const SCAN: Self = Self { first: 1 << 20, largest: 8 << 20 };
    /// For the few bytes of a header, or of the record that reaches over a split's end.
    pub(super) const PEEK: Self = Self { first: 64 << 10, largest: 1 << 20 };
}

impl Object {
    /// Streams `range`, in order. An object that turns out shorter is an error, never short data.
    pub(super) fn chunks(&self, range: Range<u64>, sizes: ChunkSizes) -> BoxStream<'static, Result<Bytes>> {
        let ahead = if sizes.first < ChunkSizes::SCAN.first { 1 } else { AHEAD };
        let object = self.clone();
        stream::iter(requests(range, sizes))
            .map(move |range| {
                let task = SpawnedTask::spawn(object.clone().get(range));
                async move { task.join_unwind().await.map_err(|error| DataFusionError::External(Box::new(error)))? }
            })
            .buffered(ahead)
            .boxed()
    }

    async fn get(self, range: Range<u64>) -> Result<Bytes> {
        let wanted = range.end - range.start;
        let mut parts = self.store.get_ranges(&self.location, std::slice::from_ref(&range)).await?;
        let bytes = parts.pop().unwrap_or_default();
        if bytes.len() as u64 == wanted {
            return Ok(bytes);
        }
        let message = format!(
            "{} ends at byte {}, but was listed with {} bytes; it changed while the query was reading it",
            self.name,
            range.start + bytes.len() as u64,
            self.size
        );
        Err(Error::new(ErrorCode::InvalidData, message).with_hint("run the query again").into())
    }
}

fn requests(range: Range<u64>, sizes: ChunkSizes) -> Vec<Range<u64>> {
    let (mut at, mut size, mut all) = (range.start, sizes.first, Vec::new());
    while at < range.end {
        let end = range.end.min(at + size);
        all.push(at..end);
        at = end;
        size = sizes.largest.min(size * 4);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_grow_and_cover_the_range_once() {
        let sizes = ChunkSizes { first: 10, largest: 100 };
        assert_eq!(requests(5..305, sizes), [5..15, 15..55, 55..155, 155..255, 255..305]);
        assert_eq!(requests(7..7, sizes), []);
    }
}
