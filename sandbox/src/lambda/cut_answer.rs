//! Answers, and those that end before their time.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::{HeaderValue, Response, header};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;

/// Whole, or promised in full and cut.
pub(super) type AnswerBody = Either<Full<Bytes>, StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>>;

/// Mark on a response: of this body only half is sent, then the connection breaks.
#[derive(Debug, Clone)]
pub(super) struct CutShort(pub(super) Bytes);

/// What comes before the cut has to leave the server's buffers first.
const FLUSH_TIME: Duration = Duration::from_millis(20);

pub(super) fn deliver(mut response: Response<Full<Bytes>>) -> Response<AnswerBody> {
    let Some(CutShort(whole)) = response.extensions_mut().remove() else {
        return response.map(Either::Left);
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    let frames = stream::once(async move { Ok(Frame::data(half)) }).chain(stream::once(async {
        tokio::time::sleep(FLUSH_TIME).await;
        Err(io::Error::other("cut on purpose"))
    }));
    response.map(|_| Either::Right(StreamBody::new(frames.boxed())))
}
