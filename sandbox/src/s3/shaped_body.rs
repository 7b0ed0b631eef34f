//! A body that is sent slowly, or not to its end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// What comes before a cut has to leave the server's buffers first.
const FLUSH_TIME: Duration = Duration::from_millis(20);
/// A paced body is sent in this many pieces a second, or more where they would become larger than the next number of bytes.
const PIECES_A_SECOND: f64 = 50.0;
const MAX_PIECE: f64 = 64.0 * 1024.0;
/// A very slow one in pieces no smaller than this, but one a second at least: thousands of them at once shall cost no core.
const MIN_PIECE: f64 = 4.0 * 1024.0;

/// How a body is sent. The default: as it comes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Shape {
    pub(super) bytes_per_second: Option<f64>,
    /// The connection breaks after so many bytes.
    pub(super) cut_at: Option<u64>,
}

impl Shape {
    /// The slower of both.
    pub(super) fn at_most(self, bytes_per_second: Option<u64>) -> Self {
        let limit = bytes_per_second.map(|rate| rate as f64);
        let bytes_per_second = match (self.bytes_per_second, limit) {
            (Some(own), Some(limit)) => Some(own.min(limit)),
            (own, limit) => own.or(limit),
        };
        Self { bytes_per_second, ..self }
    }
}

pub(super) struct ShapedBody {
    inner: s3s::Body,
    shape: Shape,
    /// Of the frame at hand, not sent yet.
    rest: Bytes,
    sent: u64,
    /// When the first byte was asked for.
    started: Option<Instant>,
    pause: Option<Pin<Box<Sleep>>>,
    is_flushed: bool,
}

impl ShapedBody {
    pub(super) fn new(inner: s3s::Body, shape: Shape) -> Self {
        Self { inner, shape, rest: Bytes::new(), sent: 0, started: None, pause: None, is_flushed: false }
    }

    fn take(&mut self, length: usize) -> Frame<Bytes> {
        self.sent += length as u64;
        Frame::data(self.rest.split_to(length))
    }

    fn wait_until(&mut self, time: Instant) {
        self.pause = Some(Box::pin(tokio::time::sleep_until(time)));
    }

    /// When `bytes` may have been sent in all.
    fn due(&mut self, bytes: u64, rate: f64) -> Instant {
        let started = *self.started.get_or_insert_with(Instant::now);
        started + Duration::from_secs_f64(bytes as f64 / rate)
    }
}

/// Bytes that are sent at once at so many bytes a second.
fn piece(rate: f64) -> usize {
    (rate / PIECES_A_SECOND).max(MIN_PIECE.min(rate)).clamp(1.0, MAX_PIECE) as usize
}

impl Body for ShapedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.shape == Shape::default() {
            return Pin::new(&mut this.inner).poll_frame(cx).map_err(io::Error::other);
        }
        loop {
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            let until_cut = this.shape.cut_at.map(|cut_at| cut_at.saturating_sub(this.sent));
            if until_cut == Some(0) {
                if this.is_flushed {
                    return Poll::Ready(Some(Err(io::Error::other("cut on purpose"))));
                }
                this.is_flushed = true;
                this.wait_until(Instant::now() + FLUSH_TIME);
                continue;
            }
            if this.rest.is_empty() {
                match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => this.rest = data,
                        Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                    None => return Poll::Ready(None),
                }
                continue;
            }
            let mut length = this.rest.len();
            if let Some(until_cut) = until_cut {
                length = length.min(usize::try_from(until_cut).unwrap_or(usize::MAX));
            }
            if let Some(rate) = this.shape.bytes_per_second {
                length = length.min(piece(rate));
                let due = this.due(this.sent + length as u64, rate);
                if due > Instant::now() {
                    this.wait_until(due);
                    continue;
                }
            }
            return Poll::Ready(Some(Ok(this.take(length))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    /// Of what the body promises, whatever becomes of it. Asked for before the first frame only.
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_neither_tiny_nor_long_awaited() {
        // Bytes a second, bytes a piece.
        for (rate, expected) in [(0.5, 1), (100.0, 100), (10_000.0, 4096), (1e6, 20_000), (75e6, 65_536)] {
            assert_eq!(piece(rate), expected, "{rate}");
        }
    }
}
