//! An Arrow stream over HTTP, decoded as it comes.

use arachne_engine::{Error, ErrorCode};
use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::client::Client;
use crate::engine::Rows;

const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";

/// The rows of a query that has succeeded.
pub(super) async fn read(client: &Client, id: &str) -> Result<Rows, Error> {
    let response = client.stream(&["v1", "queries", id, "results"], ARROW_STREAM).await?;
    let client = client.clone();
    let chunks = response.bytes_stream().map(move |chunk| chunk.map_err(|error| client.broken(&error))).boxed();
    let mut incoming = Incoming { chunks, rest: Buffer::from(Vec::<u8>::new()), decoder: StreamDecoder::new() };
    // The schema comes before the first batch, or alone.
    let first = incoming.next().await?;
    let schema = incoming.decoder.schema().ok_or_else(|| damaged("it has no schema"))?;
    let rest = stream::unfold(Some(incoming), |incoming| async {
        let mut incoming = incoming?;
        match incoming.next().await {
            Ok(Some(batch)) => Some((Ok(batch), Some(incoming))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Rows { schema, batches: stream::iter(first.map(Ok)).chain(rest).boxed() })
}

struct Incoming {
    chunks: BoxStream<'static, Result<Bytes, Error>>,
    rest: Buffer,
    decoder: StreamDecoder,
}

impl Incoming {
    /// The next batch; `None` after the end marker. A stream that ends without one is an error.
    async fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            while !self.rest.is_empty() {
                if let Some(batch) = self.decoder.decode(&mut self.rest)? {
                    return Ok(Some(batch));
                }
            }
            match self.chunks.next().await.transpose()? {
                Some(chunk) => self.rest = Buffer::from(chunk),
                None => {
                    self.decoder.finish().map_err(|error| damaged(&error.to_string()))?;
                    return Ok(None);
                }
            }
        }
    }
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorCode::Unavailable, format!("the server's rows cannot be read: {what}"))
}
