use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arachne_engine::invoker::{Bill, InvocationReply, InvokeError, WorkerInvoker};
use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::message::{Outcome, RelayAnswer, RelayRequest};
use super::two_level::{TwoLevelInvoker, TwoLevelSettings};

/// Answers `{"answer": n}` to `{"task": n}` after a while, as a worker does, alone or for a group; tasks in `failing` fail.
#[derive(Debug, Clone, Default)]
struct Service {
    calls: Arc<Mutex<Vec<usize>>>,
    ended: Arc<Mutex<usize>>,
    failing: BTreeMap<u64, InvokeError>,
    broken: Option<InvokeError>,
}

const RELAY_BILL: Bill =
    Bill { billed: Duration::from_millis(70), memory_mb: 1024, init: None, max_memory_used_mb: None };
const TASK_BILL: Bill = Bill { billed: Duration::from_millis(50), ..RELAY_BILL };

#[async_trait]
impl WorkerInvoker for Service {
    async fn invoke(&self, payload: Bytes) -> Result<InvocationReply, InvokeError> {
        let group: Option<RelayRequest> = serde_json::from_slice(&payload).ok();
        let requests = group.as_ref().map_or(1, |group| group.relay.len());
        self.calls.lock().unwrap().push(requests);
        tokio::time::sleep(Duration::from_millis(50)).await;
        *self.ended.lock().unwrap() += 1;
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let Some(group) = group else {
            let payload = self.work(&serde_json::from_slice(&payload).unwrap())?;
            return Ok(InvocationReply { payload: payload.to_string().into(), bill: TASK_BILL });
        };
        let outcome =
            |(index, request): (usize, &RawValue)| match self.work(&serde_json::from_str(request.get()).unwrap()) {
                Ok(answer) => Outcome::Answer {
                    payload: serde_json::value::to_raw_value(&answer).unwrap(),
                    bill: (index > 0).then_some(TASK_BILL),
                },
                Err(error) => Outcome::Failure(error),
            };
        let answer = RelayAnswer { relayed: group.relay.iter().map(Box::as_ref).enumerate().map(outcome).collect() };
        Ok(InvocationReply { payload: serde_json::to_vec(&answer).unwrap().into(), bill: RELAY_BILL })
    }
}

impl Service {
    fn work(&self, request: &Value) -> Result<Value, InvokeError> {
        let task = request["task"].as_u64().unwrap();
        self.failing.get(&task).cloned().map_or(Ok(json!({"answer": task})), Err)
    }
}

fn task(number: u64) -> Bytes {
    Bytes::from(json!({"task": number}).to_string())
}

async fn invoke_all(invoker: &TwoLevelInvoker<Service>, tasks: u64) -> Vec<Result<InvocationReply, InvokeError>> {
    join_all((0..tasks).map(|number| invoker.invoke(task(number)))).await
}

fn answers(replies: &[Result<InvocationReply, InvokeError>]) -> Vec<u64> {
    let answer =
        |reply: &InvocationReply| serde_json::from_slice::<Value>(&reply.payload).unwrap()["answer"].as_u64().unwrap();
    replies.iter().map(|reply| answer(reply.as_ref().unwrap())).collect()
}

#[tokio::test]
async fn up_to_the_limit_each_task_is_a_call_of_its_own() {
    let service = Service::default();
    let invoker = TwoLevelInvoker::new(service.clone(), TwoLevelSettings { above: 10, group: 4 });
    assert_eq!(answers(&invoke_all(&invoker, 10).await), (0..10).collect::<Vec<_>>());
    assert_eq!(*service.calls.lock().unwrap(), vec![1; 10]);
}

#[tokio::test]
async fn beyond_it_tasks_travel_in_groups_and_each_gets_its_own_answer_and_bill() {
    let service = Service::default();
    let invoker = TwoLevelInvoker::new(service.clone(), TwoLevelSettings { above: 2, group: 4 });
    let replies = invoke_all(&invoker, 13).await;
    assert_eq!(answers(&replies), (0..13).collect::<Vec<_>>());
    assert_eq!(*service.calls.lock().unwrap(), vec![1, 1, 4, 4, 3]);
    let bills: Vec<_> = replies.into_iter().map(|reply| reply.unwrap().bill.billed.as_millis()).collect();
    assert_eq!(bills, [50, 50, 70, 50, 50, 50, 70, 50, 50, 50, 70, 50, 50]);
}

#[tokio::test]
async fn one_task_that_fails_leaves_its_group_alone() {
    let throttled = InvokeError::Throttled { retry_after: Some(Duration::from_secs(2)) };
    let service = Service { failing: [(3, throttled.clone())].into(), ..Service::default() };
    let invoker = TwoLevelInvoker::new(service, TwoLevelSettings { above: 0, group: 8 });
    for (number, reply) in invoke_all(&invoker, 6).await.into_iter().enumerate() {
        match number {
            3 => assert_eq!(reply.unwrap_err(), throttled),
            _ => assert!(reply.is_ok(), "{number}"),
        }
    }
}

#[tokio::test]
async fn a_relay_that_dies_has_failed_for_all_and_is_billed_once() {
    let broken = InvokeError::Crashed { detail: "gone".to_owned(), bill: Some(RELAY_BILL) };
    let invoker = TwoLevelInvoker::new(
        Service { broken: Some(broken), ..Service::default() },
        TwoLevelSettings { above: 0, group: 8 },
    );
    let billed =
        |reply: &Result<InvocationReply, InvokeError>| matches!(reply, Err(InvokeError::Crashed { bill: Some(_), .. }));
    let replies = invoke_all(&invoker, 5).await;
    assert!(replies.iter().all(Result::is_err));
    assert_eq!(replies.iter().filter(|reply| billed(reply)).count(), 1);
}

#[tokio::test]
async fn a_relay_is_given_up_when_nobody_waits_for_its_group_any_more() {
    let service = Service::default();
    let invoker = TwoLevelInvoker::new(service.clone(), TwoLevelSettings { above: 0, group: 8 });
    let waited = tokio::time::timeout(Duration::from_millis(20), invoke_all(&invoker, 4)).await;
    assert!(waited.is_err());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((service.calls.lock().unwrap().len(), *service.ended.lock().unwrap()), (1, 0));
}
