//! The worker's side: a group of requests comes in, answers for all of them go out.

use std::future::Future;

use arachne_engine::invoker::{InvocationReply, InvokeError, WorkerInvoker};
use arachne_engine::protocol::MAX_PAYLOAD_BYTES;
use bytes::Bytes;
use futures::future::join_all;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::message::{Outcome, RelayAnswer, RelayRequest};
use crate::invoker::{AwsInvoker, LambdaSettings};

/// What is left of a payload for everything but the answers themselves.
const ANSWER_MARGIN: usize = 64 * 1024;

/// Calls this worker's own function. Nothing is connected before the first group comes.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    invoker: OnceCell<AwsInvoker>,
}

impl Relay {
    /// Answers a group: `own` runs the first of its tasks here, while the others run elsewhere.
    pub(crate) async fn answer(&self, group: RelayRequest, own: impl Future<Output = Box<RawValue>>) -> RelayAnswer {
        let others = group.relay.into_iter().skip(1).map(|request| self.pass_on(request));
        let (first, others) = tokio::join!(own, join_all(others));
        let mut relayed = vec![Outcome::Answer { payload: first, bill: None }];
        relayed.extend(others);
        keep_within_payload(&mut relayed);
        RelayAnswer { relayed }
    }

    async fn pass_on(&self, request: Box<RawValue>) -> Outcome {
        match self.invoke(request).await {
            Ok(InvocationReply { payload, bill }) => match serde_json::from_slice(&payload) {
                Ok(payload) => Outcome::Answer { payload, bill: Some(bill) },
                Err(error) => Outcome::Failure(InvokeError::Unavailable {
                    detail: format!("a worker's answer is not JSON: {error}"),
                }),
            },
            Err(error) => Outcome::Failure(error),
        }
    }

    async fn invoke(&self, request: Box<RawValue>) -> Result<InvocationReply, InvokeError> {
        let connect = || async {
            AwsInvoker::new(this_function()).await.map_err(|error| InvokeError::Permanent {
                detail: format!("a worker cannot call its own function: {error}"),
                permission_denied: false,
            })
        };
        let invoker = self.invoker.get_or_try_init(connect).await?;
        invoker.invoke(Bytes::from(String::from(Box::<str>::from(request)))).await
    }
}

/// As Lambda tells a function about itself
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
fn this_function() -> LambdaSettings {
    let variable = |name: &str| std::env::var(name).ok();
    LambdaSettings {
        function: variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
        qualifier: variable("AWS_LAMBDA_FUNCTION_VERSION").filter(|version| version != "$LATEST"),
        ..LambdaSettings::default()
    }
}

/// Answers that do not fit into one payload together are asked for again: the task is a function of its request.
fn keep_within_payload(relayed: &mut [Outcome]) {
    let mut left = MAX_PAYLOAD_BYTES - ANSWER_MARGIN;
    for outcome in relayed {
        match left.checked_sub(outcome.size()) {
            Some(rest) => left = rest,
            None => {
                let detail = "the answers of a group of workers do not fit into one".to_owned();
                *outcome = Outcome::Failure(InvokeError::Unavailable { detail });
            }
        }
    }
}
