//! A body that ends early is an error, never short data.

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;

use crate::error::{Error, ErrorCode};

/// Passes `body` on and fails with `Unavailable` (another try may get all of it) unless it is `expected` bytes long.
pub(super) fn exact_stream(
    body: BoxStream<'static, object_store::Result<Bytes>>,
    path: Path,
    expected: u64,
) -> BoxStream<'static, object_store::Result<Bytes>> {
    let state = (body, path, expected, false);
    stream::unfold(state, |(mut body, path, left, ended)| async move {
        if ended {
            return None;
        }
        match body.next().await {
            Some(Ok(bytes)) if bytes.len() as u64 > left => {
                Some((Err(wrong_length(&path, "more")), (body, path, 0, true)))
            }
            Some(Ok(bytes)) => {
                let left = left - bytes.len() as u64;
                Some((Ok(bytes), (body, path, left, false)))
            }
            Some(Err(error)) => Some((Err(error), (body, path, left, true))),
            None if left > 0 => Some((Err(wrong_length(&path, "fewer")), (body, path, 0, true))),
            None => None,
        }
    })
    .boxed()
}

/// The error for a body that is not as long as its headers said.
pub(super) fn wrong_length(path: &Path, how: &str) -> object_store::Error {
    typed(Error::new(ErrorCode::Unavailable, format!("the answer for {path} held {how} bytes than it announced")))
}

/// The error for an object (`s3://bucket/key`) of which another version lies there, or none.
pub(super) fn changed(object: &str, how: &str) -> object_store::Error {
    typed(
        Error::new(ErrorCode::InvalidData, format!("{object} {how} while the query was reading it"))
            .with_hint("run the query again; it will read what is there now"),
    )
}

/// The error for an object that is shorter than the query knows it to be.
pub(super) fn object_is_shorter(path: &Path, asked_to: u64, ends: u64) -> object_store::Error {
    typed(
        Error::new(
            ErrorCode::InvalidData,
            format!(
                "{path} ends at byte {ends}, but the query reads it up to byte {asked_to}: it was cut short or replaced"
            ),
        )
        .with_hint("run the query again; if it fails again, the file is damaged"),
    )
}

/// Carries an error of ours through the object store's error type; `Error::from` finds it again.
pub(super) fn typed(error: Error) -> object_store::Error {
    object_store::Error::Generic { store: "storage", source: Box::new(error) }
}
