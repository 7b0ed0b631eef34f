//! How many tasks a worker takes.
//!
//! Stages of one query wait for each other, so a task that has to wait for its turn could wait for ever: what is too much is refused.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::NamedService;

use super::calls::Calls;
use super::wire_error::refusal;
use crate::error::{Error, ErrorCode};

/// A task is one call of this method: it lasts from the plan to the end of the query.
const TASK_METHOD: &str = "/CoordinatorChannel";

#[derive(Debug, Clone)]
pub(super) struct Slots {
    free: Arc<Semaphore>,
    max_tasks: usize,
}

impl Slots {
    pub(super) fn new(max_tasks: usize) -> Self {
        let max_tasks = max_tasks.clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(max_tasks)), max_tasks }
    }

    pub(super) fn taken(&self) -> usize {
        self.max_tasks - self.free.available_permits().min(self.max_tasks)
    }

    /// From now on every task is refused.
    pub(super) fn close(&self) {
        self.free.close();
    }

    fn take(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            if self.free.is_closed() {
                return Error::new(ErrorCode::Unavailable, "is stopping");
            }
            Error::new(ErrorCode::Throttled, format!("has its {} tasks already", self.max_tasks))
                .with_hint("run fewer queries at once, add workers, or raise --max-tasks")
        })
    }
}

/// The library's service, behind its [`Slots`].
#[derive(Clone)]
pub(super) struct Admission<S> {
    pub(super) service: S,
    pub(super) slots: Slots,
    pub(super) calls: Calls,
}

impl<S: NamedService> NamedService for Admission<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Admission<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>, Infallible>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if !request.uri().path().ends_with(TASK_METHOD) {
            return Box::pin(self.service.call(request));
        }
        let slot = match self.slots.take() {
            Ok(slot) => slot,
            Err(error) => return Box::pin(ready(Ok(Status::unavailable(refusal(&error)).into_http()))),
        };
        let call = self.calls.begin(request.headers_mut());
        let answer = self.service.call(request);
        Box::pin(async move {
            // The slot is free, and the call ends, when the answer has ended, or nobody listens to it any more.
            let held = |body: Body| {
                Body::new(body.map_frame(move |frame| {
                    let _held = (&slot, &call);
                    frame
                }))
            };
            answer.await.map(|answer| answer.map(held))
        })
    }
}
