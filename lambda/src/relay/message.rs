//! What a relay is sent, and what it answers.

use arachne_engine::invoker::{Bill, InvocationReply, InvokeError};
use arachne_engine::protocol::TaskRequest;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Task requests for one relay: the first is its own, the others it passes on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RelayRequest {
    pub(crate) relay: Vec<Box<RawValue>>,
}

impl RelayRequest {
    /// The relay's own task; `None` for an empty group.
    pub(crate) fn first_task(&self) -> Option<serde_json::Result<TaskRequest>> {
        self.relay.first().map(|request| serde_json::from_str(request.get()))
    }
}

/// One outcome a request, in the order of the requests.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RelayAnswer {
    pub(crate) relayed: Vec<Outcome>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The bill is missing for the relay's own task: that is billed with the relay's invocation.
    Answer {
        payload: Box<RawValue>,
        bill: Option<Bill>,
    },
    Failure(InvokeError),
}

impl Outcome {
    /// # Errors
    /// The failure itself.
    pub(crate) fn into_reply(self, relay_bill: Bill) -> Result<InvocationReply, InvokeError> {
        match self {
            Self::Answer { payload, bill } => {
                let payload = Bytes::from(String::from(Box::<str>::from(payload)));
                Ok(InvocationReply { payload, bill: bill.unwrap_or(relay_bill) })
            }
            Self::Failure(error) => Err(error),
        }
    }

    /// Bytes of the answer that this outcome takes, roughly.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Answer { payload, .. } => payload.get().len(),
            Self::Failure(_) => 0,
        }
    }
}
