//! Rows as a response body, a batch at a time.
//!
//! The status has been sent when a later batch fails, so the body breaks off (the connection is closed without the last
//! chunk) and no client can take it for whole. NDJSON says why before it does.

use std::io;

use arachne_engine::Error;
use arachne_engine::query::{QueryId, ResultStream};
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};

use super::negotiate::Media;
use crate::format::ResultEncoder;

/// A whole answer.
pub(super) fn response(results: ResultStream, media: Media, id: &QueryId) -> Response {
    let headers = [("content-type", media.name().to_owned()), ("x-arachne-query-id", id.0.clone())];
    (headers, of(results, media)).into_response()
}

/// Dropping the body (the client went away) cancels a query that is not over yet.
fn of(results: ResultStream, media: Media) -> Body {
    let rows = Rows { results, encoder: media.encoder(), media, next: Next::Begin };
    let chunks: BoxStream<'static, io::Result<Bytes>> = stream::unfold(rows, |mut rows| async {
        let chunk = rows.chunk().await?;
        Some((chunk, rows))
    })
    .boxed();
    Body::from_stream(chunks)
}

struct Rows {
    results: ResultStream,
    encoder: Box<dyn ResultEncoder>,
    media: Media,
    next: Next,
}

enum Next {
    Begin,
    Batch,
    BreakOff(Error),
    Nothing,
}

impl Rows {
    async fn chunk(&mut self) -> Option<io::Result<Bytes>> {
        let mut out = Vec::new();
        let done = match std::mem::replace(&mut self.next, Next::Batch) {
            Next::Begin => self.encoder.begin(&self.results.schema(), &mut out).map_err(Error::from),
            Next::Batch => match self.results.next().await {
                Some(batch) => batch.and_then(|batch| Ok(self.encoder.batch(&batch, &mut out)?)),
                None => {
                    self.next = Next::Nothing;
                    self.encoder.end(&mut out).map_err(Error::from)
                }
            },
            Next::BreakOff(error) => {
                self.next = Next::Nothing;
                return Some(Err(io::Error::other(error)));
            }
            Next::Nothing => return None,
        };
        if let Err(error) = done {
            if self.media == Media::Ndjson {
                let line = serde_json::json!({"error": error});
                out = format!("{line}\n").into_bytes();
            }
            self.next = Next::BreakOff(error);
        }
        Some(Ok(out.into()))
    }
}
