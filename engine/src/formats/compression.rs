//! What a text file may be compressed with, and its decoding as a stream.

use std::io;

use async_compression::tokio::bufread::{BzDecoder, GzipDecoder, XzDecoder, ZstdDecoder};
use bytes::Bytes;
use datafusion::error::DataFusionError;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncRead;
use tokio_util::io::{ReaderStream, StreamReader};

use crate::error::{Error, ErrorCode};

/// Bytes that are decoded at a time.
const DECODED_BLOCK: usize = 256 * 1024;

/// How the files of a table are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// By each object's extension: `.gz`, `.zst`, `.bz2`, `.xz`; anything else is not compressed.
    #[default]
    Auto,
    None,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

/// A compression that an object really has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

const EXTENSIONS: [(&str, Codec); 6] = [
    (".gz", Codec::Gzip),
    (".gzip", Codec::Gzip),
    (".zst", Codec::Zstd),
    (".zstd", Codec::Zstd),
    (".bz2", Codec::Bzip2),
    (".xz", Codec::Xz),
];

impl Compression {
    pub(super) fn of(self, path: &str) -> Option<Codec> {
        match self {
            Self::Auto => by_extension(path).map(|(_, codec)| codec),
            Self::None => None,
            Self::Gzip => Some(Codec::Gzip),
            Self::Zstd => Some(Codec::Zstd),
            Self::Bzip2 => Some(Codec::Bzip2),
            Self::Xz => Some(Codec::Xz),
        }
    }

    /// `a/b.csv.gz` without the part that names the compression.
    pub(super) fn strip_extension(path: &str) -> &str {
        match by_extension(path) {
            Some((extension, _)) => &path[..path.len() - extension.len()],
            None => path,
        }
    }
}

fn by_extension(path: &str) -> Option<(&'static str, Codec)> {
    let ends_with = |end: &str| {
        let (path, end) = (path.as_bytes(), end.as_bytes());
        path.len() >= end.len() && path[path.len() - end.len()..].eq_ignore_ascii_case(end)
    };
    EXTENSIONS.into_iter().find(|(extension, _)| ends_with(extension))
}

impl Codec {
    /// Decodes every member, frame or stream of the object, to its end. An object that is cut short or damaged is an error that
    /// names it, after the rows before the damage.
    pub(super) fn decode(
        self,
        object: String,
        input: BoxStream<'static, Result<Bytes, DataFusionError>>,
    ) -> BoxStream<'static, Result<Bytes, DataFusionError>> {
        let reader = StreamReader::new(input.map_err(io::Error::other));
        macro_rules! decoded {
            ($decoder:ident) => {{
                let mut decoder = $decoder::new(reader);
                decoder.multiple_members(true);
                blocks(decoder)
            }};
        }
        let output = match self {
            Self::Gzip => decoded!(GzipDecoder),
            Self::Zstd => decoded!(ZstdDecoder),
            Self::Bzip2 => decoded!(BzDecoder),
            Self::Xz => decoded!(XzDecoder),
        };
        output.map_err(move |error| self.explain(&object, error)).boxed()
    }

    fn explain(self, object: &str, error: io::Error) -> DataFusionError {
        if error.get_ref().is_some_and(|inner| inner.is::<DataFusionError>()) {
            return match error.into_inner().map(|inner| inner.downcast::<DataFusionError>()) {
                Some(Ok(inner)) => *inner,
                Some(Err(other)) => DataFusionError::External(other),
                None => Error::internal(format!("reading {object} failed without a cause")).into(),
            };
        }
        let state = match error.kind() {
            io::ErrorKind::UnexpectedEof => "is cut short".to_string(),
            _ => format!("is damaged: {error}"),
        };
        Error::new(ErrorCode::InvalidData, format!("the {} data of {object} {state}", self.label())).into()
    }

    fn label(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }
}

fn blocks(decoder: impl AsyncRead + Send + 'static) -> BoxStream<'static, io::Result<Bytes>> {
    ReaderStream::with_capacity(decoder, DECODED_BLOCK).boxed()
}
