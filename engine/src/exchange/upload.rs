//! Puts a finished output into one object: at once, or in parts.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt, TryStreamExt};
use futures::{Stream, pin_mut};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use tracing::debug;

use crate::error::{Error, ErrorCode, Result};

/// Objects above this go up in parts of at least this size (S3's least is 5 MiB, and at most 10,000 parts).
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Parts under way: one connection carries under 100 MB/s.
const PARTS_IN_FLIGHT: usize = 4;

/// Bytes that an upload holds beside those it is given.
pub(super) const UPLOAD_BYTES: usize = PART_BYTES as usize * (PARTS_IN_FLIGHT + 1);

/// Writes `total` bytes. Either the object is there and complete when this returns, or it is not there.
pub(super) async fn upload(
    store: &Arc<dyn ObjectStore>,
    path: &Path,
    total: u64,
    chunks: impl Stream<Item = Result<Bytes>>,
) -> Result<()> {
    if total <= PART_BYTES {
        let chunks: Vec<Bytes> = chunks.try_collect().await?;
        store.put(path, PutPayload::from_iter(chunks)).await?;
        return Ok(());
    }
    let mut upload = store.put_multipart(path).await?;
    let parts = put_parts(upload.as_mut(), chunks).await;
    let done = match parts {
        Ok(()) => upload.complete().await.map(|_| ()).map_err(Error::from),
        Err(error) => Err(error),
    };
    let Err(error) = done else { return Ok(()) };
    // The answer to the last request may be what was lost. Each attempt has a name of its own: what lies there is ours.
    if store.head(path).await.is_ok_and(|object| object.size == total) {
        return Ok(());
    }
    // Parts that stay behind are billed until the bucket's lifecycle rule removes them.
    if let Err(error) = upload.abort().await {
        debug!(%path, %error, "an upload that failed was not taken back");
    }
    // The upload itself is what is not found then: another attempt starts a new one.
    let code = if error.code == ErrorCode::NotFound { ErrorCode::Unavailable } else { error.code };
    Err(Error { code, message: format!("cannot write {path}: {}", error.message), ..error })
}

async fn put_parts(
    upload: &mut dyn object_store::MultipartUpload,
    chunks: impl Stream<Item = Result<Bytes>>,
) -> Result<()> {
    pin_mut!(chunks);
    let (mut under_way, mut part, mut length) = (FuturesUnordered::new(), Vec::new(), 0);
    while let Some(chunk) = chunks.try_next().await? {
        for chunk in pieces(chunk) {
            length += chunk.len() as u64;
            part.push(chunk);
            if length >= PART_BYTES {
                while under_way.len() >= PARTS_IN_FLIGHT {
                    under_way.try_next().await?;
                }
                under_way.push(upload.put_part(PutPayload::from_iter(part.drain(..))));
                length = 0;
            }
        }
    }
    if !part.is_empty() {
        under_way.push(upload.put_part(PutPayload::from_iter(part)));
    }
    while under_way.next().await.transpose()?.is_some() {}
    Ok(())
}

/// A long chunk would make a part that nothing bounds.
fn pieces(mut chunk: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let length = chunk.len().min(PART_BYTES as usize);
        (length > 0).then(|| chunk.split_to(length))
    })
}
