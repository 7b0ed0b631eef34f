//! Workers in the coordinator's own process: what tests and `embedded` runs of distributed plans use.
//!
//! Requests and answers go through the same bytes as on Lambda, so nothing is shared that would not be shared there.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::Worker;
use crate::invoker::{Bill, InvocationReply, InvokeError, WorkerInvoker};
use crate::protocol::TaskRequest;

#[derive(Clone)]
pub struct InProcessInvoker {
    worker: Arc<Worker>,
}

impl InProcessInvoker {
    pub fn new(worker: Worker) -> Self {
        Self { worker: Arc::new(worker) }
    }
}

impl fmt::Debug for InProcessInvoker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcessInvoker").finish_non_exhaustive()
    }
}

#[async_trait]
impl WorkerInvoker for InProcessInvoker {
    async fn invoke(&self, payload: Bytes) -> Result<InvocationReply, InvokeError> {
        let permanent =
            |error: serde_json::Error| InvokeError::Permanent { detail: error.to_string(), permission_denied: false };
        let request: TaskRequest = serde_json::from_slice(&payload).map_err(permanent)?;
        let response = self.worker.run(request).await;
        let payload = serde_json::to_vec(&response).map_err(permanent)?.into();
        Ok(InvocationReply { payload, bill: Bill::default() })
    }

    fn stops_on_drop(&self) -> bool {
        true
    }
}
