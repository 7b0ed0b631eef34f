//! What a writer cannot hold: one temporary file, in which the pieces of all partitions lie as they came.

use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::execution::TaskContext;
use datafusion::execution::{SpillFile, SpillWriter};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use crate::error::{Error, ErrorCode, Result};

/// Read from disk at once.
const READ_BYTES: usize = 1024 * 1024;

/// A piece of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    start: u64,
    length: u64,
}

/// The file of one writer. One, not one a partition: a process may have few files open.
pub(super) struct Spill {
    file: Arc<dyn SpillFile>,
    writer: Box<dyn SpillWriter>,
    length: u64,
}

impl Spill {
    pub(super) fn create(context: &TaskContext) -> Result<Self> {
        let file = context.runtime_env().disk_manager.create_tmp_file("exchange writer")?;
        let writer = file.open_writer()?;
        Ok(Self { file, writer, length: 0 })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<Piece> {
        self.writer.write_all(bytes).map_err(failed)?;
        let piece = Piece { start: self.length, length: bytes.len() as u64 };
        self.length += piece.length;
        Ok(piece)
    }

    /// Ends the writing. The file is deleted when the last reader is dropped.
    pub(super) fn finish(mut self) -> Result<Spilled> {
        self.writer.finish()?;
        let path = self.file.path().map(ToOwned::to_owned);
        let path = path.ok_or_else(|| Error::internal("spill files need a path"))?;
        Ok(Spilled { _file: self.file, path })
    }
}

/// A finished file.
#[derive(Clone)]
pub(super) struct Spilled {
    _file: Arc<dyn SpillFile>,
    path: PathBuf,
}

impl Spilled {
    /// The bytes of the pieces, one piece after the other.
    pub(super) fn read(&self, pieces: Vec<Piece>) -> BoxStream<'static, Result<Bytes>> {
        let spilled = self.clone();
        stream::iter(pieces)
            .then(move |piece| {
                let spilled = spilled.clone();
                async move {
                    let mut file = tokio::fs::File::open(&spilled.path).await.map_err(failed)?;
                    file.seek(SeekFrom::Start(piece.start)).await.map_err(failed)?;
                    let chunks = ReaderStream::with_capacity(file.take(piece.length), READ_BYTES).map_err(failed);
                    // The file stays while it is read.
                    Ok::<_, Error>(chunks.map(move |chunk| (chunk, &spilled).0))
                }
            })
            .try_flatten()
            .boxed()
    }
}

impl Piece {
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::new(ErrorCode::ResourceExhausted, format!("cannot spill to the temporary folder: {error}"))
        .with_hint("give the worker more disk (ephemeral storage of a Lambda), or each task less data")
}
