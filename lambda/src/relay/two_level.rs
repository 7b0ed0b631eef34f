//! The coordinator's side: invocations above a limit travel in groups.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arachne_engine::invoker::{Bill, InvocationReply, InvokeError, WorkerInvoker};
use arachne_engine::protocol::MAX_PAYLOAD_BYTES;
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use super::message::{RelayAnswer, RelayRequest};

/// How long a group waits for more requests: the scheduler starts those of a stage within far less.
const GATHER: Duration = Duration::from_millis(5);

/// What is left of a payload for everything but the requests themselves.
const REQUEST_MARGIN: usize = 64 * 1024;

/// When invocations go through a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwoLevelSettings {
    /// Invocations under way up to which each is a call of its own.
    pub above: usize,
    /// Tasks of one relay, its own included.
    pub group: usize,
}

impl Default for TwoLevelSettings {
    fn default() -> Self {
        Self { above: 256, group: 16 }
    }
}

/// Calls workers directly up to a number under way, and through relays beyond it.
#[derive(Debug)]
pub struct TwoLevelInvoker<I> {
    shared: Arc<Shared<I>>,
}

#[derive(Debug)]
struct Shared<I> {
    inner: I,
    settings: TwoLevelSettings,
    under_way: AtomicUsize,
    /// Requests that wait for their group to leave.
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct Waiting {
    request: Bytes,
    answer: oneshot::Sender<Result<InvocationReply, InvokeError>>,
}

impl<I: WorkerInvoker> TwoLevelInvoker<I> {
    pub fn new(inner: I, settings: TwoLevelSettings) -> Self {
        let shared = Shared { inner, settings, under_way: AtomicUsize::new(0), waiting: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }
}

#[async_trait]
impl<I: WorkerInvoker> WorkerInvoker for TwoLevelInvoker<I> {
    async fn invoke(&self, payload: Bytes) -> Result<InvocationReply, InvokeError> {
        let _under_way = UnderWay::enter(&self.shared.under_way);
        if self.shared.under_way.load(Ordering::Relaxed) <= self.shared.settings.above || too_large(&payload) {
            return self.shared.inner.invoke(payload).await;
        }
        let (answer, answered) = oneshot::channel();
        Arc::clone(&self.shared).join_group(Waiting { request: payload, answer });
        answered.await.unwrap_or_else(|_| Err(InvokeError::Unavailable { detail: "the relay was given up".to_owned() }))
    }
}

impl<I: WorkerInvoker> Shared<I> {
    /// The first of a group sets it on its way, after a moment in which others may join.
    fn join_group(self: Arc<Self>, waiting: Waiting) {
        let mut group = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        group.push(waiting);
        if group.len() == 1 {
            let shared = Arc::clone(&self);
            tokio::spawn(async move {
                tokio::time::sleep(GATHER).await;
                shared.send_all().await;
            });
        }
    }

    async fn send_all(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        join_all(groups(waiting, self.settings.group).into_iter().map(|group| self.send(group))).await;
    }

    /// Given up as soon as nobody in the group waits any more.
    async fn send(&self, group: Vec<Waiting>) {
        let (requests, mut answers): (Vec<_>, Vec<_>) =
            group.into_iter().filter(|it| !it.answer.is_closed()).map(|it| (it.request, it.answer)).unzip();
        if answers.is_empty() {
            return;
        }
        let outcomes = tokio::select! {
            outcomes = self.relay(requests) => outcomes,
            _ = join_all(answers.iter_mut().map(oneshot::Sender::closed)) => return,
        };
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Whoever has stopped waiting in the meantime has no use for it.
            drop(answer.send(outcome));
        }
    }

    /// One outcome a request. A relay that fails has failed for each of them; it is billed once.
    async fn relay(&self, mut requests: Vec<Bytes>) -> Vec<Result<InvocationReply, InvokeError>> {
        let count = requests.len();
        if count == 1 {
            return vec![self.inner.invoke(requests.remove(0)).await];
        }
        match self.call(&requests).await {
            Ok(outcomes) if outcomes.len() == count => outcomes,
            Ok(outcomes) => {
                let detail = format!("a relay gave {} answers to {count} requests", outcomes.len());
                vec![Err(InvokeError::Unavailable { detail }); count]
            }
            Err(error) => {
                let unbilled = without_bill(&error);
                std::iter::once(Err(error)).chain(std::iter::repeat_n(Err(unbilled), count - 1)).collect()
            }
        }
    }

    async fn call(&self, requests: &[Bytes]) -> Result<Vec<Result<InvocationReply, InvokeError>>, InvokeError> {
        let broken =
            |what: &str, error: serde_json::Error| InvokeError::Unavailable { detail: format!("{what}: {error}") };
        let relay = requests
            .iter()
            .map(|request| serde_json::from_slice::<Box<RawValue>>(request))
            .collect::<Result<Vec<_>, _>>()
            .and_then(|relay| serde_json::to_vec(&RelayRequest { relay }))
            .map_err(|error| broken("a task request is not JSON", error))?;
        let reply = self.inner.invoke(relay.into()).await?;
        let answer: RelayAnswer =
            serde_json::from_slice(&reply.payload).map_err(|error| broken("a relay's answer cannot be read", error))?;
        Ok(answer.relayed.into_iter().map(|outcome| outcome.into_reply(reply.bill)).collect())
    }
}

fn too_large(request: &Bytes) -> bool {
    request.len() > (MAX_PAYLOAD_BYTES - REQUEST_MARGIN) / 2
}

/// Groups of at most `size` requests that fit into one payload together.
fn groups(waiting: Vec<Waiting>, size: usize) -> Vec<Vec<Waiting>> {
    let mut groups: Vec<Vec<Waiting>> = Vec::new();
    let mut bytes = 0;
    for one in waiting {
        let fits = bytes + one.request.len() <= MAX_PAYLOAD_BYTES - REQUEST_MARGIN;
        match groups.last_mut() {
            Some(group) if fits && group.len() < size.max(1) => {
                bytes += one.request.len();
                group.push(one);
            }
            _ => {
                bytes = one.request.len();
                groups.push(vec![one]);
            }
        }
    }
    groups
}

fn without_bill(error: &InvokeError) -> InvokeError {
    let mut error = error.clone();
    match &mut error {
        InvokeError::Timeout { bill, .. }
        | InvokeError::Crashed { bill, .. }
        | InvokeError::OutOfMemory { bill, .. } => {
            *bill = None::<Bill>;
        }
        InvokeError::Throttled { .. } | InvokeError::Unavailable { .. } | InvokeError::Permanent { .. } => {}
    }
    error
}

/// Counts an invocation for as long as it lives.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn enter(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
