//! Rows as a response body, a batch at a time.
//!
//! The status waits for the first rows, so that most of what can fail still has one. When a later batch fails, the body breaks
//! off (the connection is closed without the last chunk) and no client can take it for whole. NDJSON says why before it does; JSON
//! is not closed, Arrow has no end marker, Parquet no footer.

use std::io;
use std::time::Duration;

use arachne_engine::Error;
use arachne_engine::query::{QueryId, ResultStream};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream, Fuse};

use super::negotiate::Media;
use super::problem::Problem;
use crate::format::{Numbers, ResultEncoder};

/// The header with the id of the query that a response is about.
pub(super) const QUERY_ID: &str = "x-arachne-query-id";

/// For the rows, and the line, before an error to reach a client that reads.
const FLUSHED_AFTER: Duration = Duration::from_millis(100);

/// A whole answer.
///
/// # Errors
/// What the query failed with before its first rows.
pub(super) async fn response(
    results: ResultStream,
    media: Media,
    numbers: Numbers,
    id: &QueryId,
) -> Result<Response, Problem> {
    let schema = results.schema();
    let mut results = results.fuse();
    let mut encoder = media.encoder(numbers);
    let mut start = Vec::new();
    let first = results.next().await.transpose();
    let encoded = first.and_then(|first| Ok(begin(encoder.as_mut(), &schema, first.as_ref(), &mut start)?));
    encoded.map_err(|error| Problem::of_query(error, id.clone()))?;
    let headers = [("content-type", media.content_type().to_owned()), (QUERY_ID, id.0.clone())];
    let rows = Rows { results, encoder, media, id: id.clone(), next: Next::Start(start) };
    Ok((headers, rows.into_body()).into_response())
}

fn begin(
    encoder: &mut dyn ResultEncoder,
    schema: &SchemaRef,
    first: Option<&RecordBatch>,
    out: &mut Vec<u8>,
) -> Result<(), ArrowError> {
    encoder.begin(schema, out)?;
    first.map_or(Ok(()), |first| encoder.batch(first, out))
}

/// Dropping it (the client went away) cancels a query that is not over yet.
struct Rows {
    results: Fuse<ResultStream>,
    encoder: Box<dyn ResultEncoder>,
    media: Media,
    id: QueryId,
    next: Next,
}

enum Next {
    Start(Vec<u8>),
    Batch,
    BreakOff(Error),
    Nothing,
}

impl Rows {
    fn into_body(self) -> Body {
        let chunks: BoxStream<'static, io::Result<Bytes>> = stream::unfold(self, |mut rows| async {
            let chunk = rows.chunk().await?;
            Some((chunk, rows))
        })
        .boxed();
        // Encoders hold some rows back; an empty chunk would mean the end.
        Body::from_stream(chunks.filter(|chunk| {
            let something = chunk.as_ref().map_or(true, |bytes| !bytes.is_empty());
            async move { something }
        }))
    }

    async fn chunk(&mut self) -> Option<io::Result<Bytes>> {
        let mut out = Vec::new();
        let done = match std::mem::replace(&mut self.next, Next::Batch) {
            Next::Start(start) => return Some(Ok(start.into())),
            Next::Batch => match self.results.next().await {
                Some(batch) => batch.and_then(|batch| Ok(self.encoder.batch(&batch, &mut out)?)),
                None => {
                    self.next = Next::Nothing;
                    self.encoder.end(&mut out).map_err(Error::from)
                }
            },
            Next::BreakOff(error) => {
                self.next = Next::Nothing;
                // What is written already would be thrown away with the connection.
                tokio::time::sleep(FLUSHED_AFTER).await;
                return Some(Err(io::Error::other(error)));
            }
            Next::Nothing => return None,
        };
        if let Err(error) = done {
            if self.media == Media::Ndjson {
                let mut line = serde_json::json!({"error": error});
                line["error"]["query_id"] = self.id.0.as_str().into();
                // Rows of this batch that are there are whole lines.
                out.extend_from_slice(format!("{line}\n").as_bytes());
            }
            self.next = Next::BreakOff(error);
        }
        Some(Ok(out.into()))
    }
}
