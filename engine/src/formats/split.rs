//! The lines of a byte range: which of two neighbours reads the line that their border cuts.
//!
//! A range owns the lines that start in it. So one that does not begin with the object's first byte skips to the line start at or
//! after its own start, and each one reads on past its end to the end of its last line. Any set of ranges that covers an object
//! once gives each line once.

use bytes::Bytes;
use datafusion::error::Result;
use futures::stream::{self, BoxStream, StreamExt};
use memchr::{memchr, memchr_iter};

use super::chunks::{ChunkSizes, Object};

/// Where the first line of a split is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// A line starts at this byte.
    At(u64),
    /// The first line that starts at this byte (which is not 0) or after it.
    AtOrAfter(u64),
}

/// Streams the lines that start at or after `start` and before byte `end`.
pub(super) fn lines(object: &Object, start: Start, end: u64) -> BoxStream<'static, Result<Bytes>> {
    let end = end.min(object.size);
    let (from, skipping) = match start {
        Start::At(start) => (start, false),
        // The byte before decides whether a line starts at `start` itself.
        Start::AtOrAfter(start) => (start - 1, true),
    };
    let owned = object.chunks(from..end.max(from), ChunkSizes::SCAN);
    // The rest of the last line; nothing of it is asked for before it is polled.
    let object = object.clone();
    let rest = stream::once(async move { object.chunks(end..object.size, ChunkSizes::PEEK) }).flatten();
    let cutter = Cutter { at: from, end, skipping, done: from >= end };
    stream::try_unfold((owned.chain(rest).boxed(), cutter), |(mut input, mut cutter)| async move {
        while !cutter.done {
            let Some(chunk) = input.next().await.transpose()? else { break };
            let lines = cutter.cut(chunk);
            if !lines.is_empty() {
                return Ok(Some((lines, (input, cutter))));
            }
        }
        Ok(None)
    })
    .boxed()
}

/// Takes from consecutive chunks what belongs to the split.
struct Cutter {
    /// Where the next chunk starts.
    at: u64,
    end: u64,
    skipping: bool,
    done: bool,
}

impl Cutter {
    fn cut(&mut self, mut chunk: Bytes) -> Bytes {
        let mut start = self.at;
        self.at += chunk.len() as u64;
        if self.skipping {
            let Some(feed) = memchr(b'\n', &chunk) else {
                self.done = self.at >= self.end;
                return Bytes::new();
            };
            start += feed as u64 + 1;
            if start >= self.end {
                self.done = true;
                return Bytes::new();
            }
            self.skipping = false;
            chunk = chunk.slice(feed + 1..);
        }
        if self.at >= self.end {
            // The line that holds the split's last byte is the last one.
            let last_byte = (self.end - 1).saturating_sub(start) as usize;
            if let Some(feed) = memchr(b'\n', &chunk[last_byte..]) {
                self.done = true;
                chunk.truncate(last_byte + feed + 1);
            }
        }
        chunk
    }
}

/// Counts the line feeds before byte `end`.
pub(super) async fn count_line_feeds(object: &Object, end: u64) -> Result<u64> {
    let mut chunks = object.chunks(0..end.min(object.size), ChunkSizes::SCAN);
    let mut count = 0;
    while let Some(chunk) = chunks.next().await.transpose()? {
        count += memchr_iter(b'\n', &chunk).count() as u64;
    }
    Ok(count)
}
