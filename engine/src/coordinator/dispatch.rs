//! One attempt on its way: the request is encoded, sent, and its answer read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::ObjectStoreExt as _;

use super::board::Board;
use super::manifests::StageManifest;
use super::retry::Failure;
use super::task::RunConfig;
use crate::error::{Error, ErrorCode, Result};
use crate::exchange::layout;
use crate::invoker::{Bill, InvocationReply, InvokeError};
use crate::protocol::{Blob, MAX_PAYLOAD_BYTES, TaskRequest, TaskResponse};

/// Room that is left in a payload for what the platform adds.
const PAYLOAD_MARGIN: usize = 64 * 1024;

/// How much longer than a task may take we wait for its answer: a cold start, a queue, and the way back.
const ANSWER_GRACE: Duration = Duration::from_secs(60);

/// A request whose inputs are still to be filled in.
pub(super) struct Dispatch {
    pub(super) config: Arc<RunConfig>,
    pub(super) board: Arc<Board>,
    pub(super) request: TaskRequest,
    pub(super) inputs: Vec<Arc<StageManifest>>,
}

impl Dispatch {
    /// Sends the request; the bill comes with an answer and with most failures.
    pub(super) async fn send(mut self) -> (Bill, Result<TaskResponse, Failure>) {
        let attempt = self.request.attempt;
        let prepared = async {
            for manifest in &self.inputs {
                self.request.inputs.push(manifest.encoded(&self.config, &self.board).await?);
            }
            payload(&self.config, &self.board, self.request).await
        };
        let payload = match prepared.await {
            Ok(_) if self.board.over().is_cancelled() => {
                return (Bill::default(), Err(Failure::Permanent(self.board.why_over())));
            }
            Ok(payload) => payload,
            Err(error) => return (Bill::default(), Err(Failure::of_task(error))),
        };
        let reply = match invoke(&self.config, payload).await {
            Ok(reply) => reply,
            Err(error) => return (bill_of(&error), Err(Failure::of_invocation(error))),
        };
        let unreadable = |detail| Err(Failure::Transient(Error::new(ErrorCode::Unavailable, detail)));
        let response = match serde_json::from_slice::<TaskResponse>(&reply.payload) {
            Ok(response) if response.attempt == attempt => Ok(response),
            Ok(response) => {
                unreadable(format!("the worker answered for attempt {} instead of {attempt}", response.attempt))
            }
            Err(error) => {
                let text = String::from_utf8_lossy(&reply.payload[..reply.payload.len().min(300)]).into_owned();
                unreadable(format!("the worker's answer cannot be read ({error}): {text}"))
            }
        };
        (reply.bill, response)
    }
}

/// The worker gives up by itself in time; one that says nothing at all is given up here.
async fn invoke(config: &RunConfig, payload: Bytes) -> Result<InvocationReply, InvokeError> {
    let patience = config.task_timeout + ANSWER_GRACE;
    tokio::time::timeout(patience, config.invoker.invoke(payload)).await.unwrap_or_else(|_| {
        Err(InvokeError::Timeout { detail: format!("no answer within {} s", patience.as_secs()), bill: None })
    })
}

/// The request as JSON; one too large for a payload goes to the exchange and only its name is sent.
async fn payload(config: &RunConfig, board: &Board, mut request: TaskRequest) -> Result<Bytes> {
    let whole = encode(&request)?;
    if whole.len() <= MAX_PAYLOAD_BYTES - PAYLOAD_MARGIN {
        return Ok(whole);
    }
    let (Some(exchange), Some(store)) = (&config.exchange, &config.exchange_store) else {
        return Err(Error::internal(format!("a task request of {} bytes needs an exchange location", whole.len())));
    };
    let name = layout::request_name(config.run, request.attempt);
    board.mark_wrote_exchange();
    store.put(&layout::path(exchange, &name)?, whole.into()).await?;
    request.stored = Some(name);
    request.plan = Blob::default();
    request.inputs = Vec::new();
    request.pins = Vec::new();
    encode(&request)
}

fn encode(request: &TaskRequest) -> Result<Bytes> {
    serde_json::to_vec(request).map(Bytes::from).map_err(|error| Error::internal(format!("task request: {error}")))
}

fn bill_of(error: &InvokeError) -> Bill {
    match error {
        InvokeError::Timeout { bill, .. }
        | InvokeError::Crashed { bill, .. }
        | InvokeError::OutOfMemory { bill, .. } => bill.unwrap_or_default(),
        InvokeError::Throttled { .. } | InvokeError::Unavailable { .. } | InvokeError::Permanent { .. } => {
            Bill::default()
        }
    }
}
