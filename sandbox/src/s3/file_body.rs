//! Sends a part of a file: read by position, in large chunks, one chunk ahead of the connection.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryFutureExt};
use s3s::dto::StreamingBlob;

/// Bytes a chunk. Large enough that hand-overs between threads do not show, small enough that many answers fit in memory.
const CHUNK: u64 = 512 * 1024;
/// Chunks in flight: one being sent, one being read.
const AHEAD: usize = 2;

/// Reads all of `range`, which must lie within the file. Blocks.
pub(crate) fn read_range(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut buffer = vec![0; length];
    file.read_exact_at(&mut buffer, range.start)?;
    Ok(Bytes::from(buffer))
}

/// Whether a range of this many bytes is read at once instead of streamed.
pub(crate) fn fits_one_chunk(length: u64) -> bool {
    length <= CHUNK
}

/// Streams `range` of the file.
pub(crate) fn stream_range(file: File, range: Range<u64>) -> StreamingBlob {
    let file = Arc::new(file);
    let starts = (range.start..range.end).step_by(CHUNK as usize);
    let chunks = futures::stream::iter(starts)
        .map(move |start| {
            let (file, end) = (Arc::clone(&file), range.end.min(start + CHUNK));
            tokio::task::spawn_blocking(move || read_range(&file, start..end)).map_err(io::Error::other)
        })
        .buffered(AHEAD)
        .map(|read| read.and_then(std::convert::identity));
    StreamingBlob::wrap(chunks)
}
