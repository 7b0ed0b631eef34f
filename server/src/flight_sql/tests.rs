use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arachne_catalog::MemoryCatalog;
use arachne_engine::access::Access;
use arachne_engine::query::{Coordination, EngineSettings, NoObserver, PriceBook, QueryService, QueryServiceParts};
use arachne_engine::storage::{ObjectStores, StorageSettings};
use arrow::array::RecordBatch;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, Any, Command, CommandPreparedStatementQuery, CommandStatementQuery,
    ProstMessageExt,
};
use arrow_flight::{Action, FlightDescriptor, FlightInfo, Ticket};
use futures::TryStreamExt as _;
use prost::Message as _;
use tonic::{Code, Request, Status};

use super::door::FlightSql;
use super::messages::PreparedStatement;
use crate::auth::{Authenticator, AuthenticatorSettings, Credentials, SigningKey, UserEntry};
use crate::doors::Doors;

#[tokio::test]
async fn a_query_that_is_polled_for_is_ready_at_once() {
    let door = FlightSql::new(doors());
    let poll = door.poll_flight_info(Request::new(statement("SELECT 1 AS one"))).await.unwrap().into_inner();
    assert!(poll.flight_descriptor.is_none() && poll.progress == Some(1.0));
    let info = poll.info.unwrap();
    let schema = info.clone().try_decode_schema().unwrap();
    let promised = door.get_schema(Request::new(statement("SELECT 1 AS one"))).await.unwrap().into_inner();
    assert_eq!(promised.schema, info.schema);
    let batches = rows(&door, ticket(info)).await.unwrap();
    assert_eq!((batches[0].schema().as_ref(), batches[0].num_rows()), (&schema, 1));
}

#[tokio::test]
async fn a_result_without_rows_has_its_columns() {
    let door = FlightSql::new(doors());
    for sql in ["SELECT 1 AS one WHERE false", "SHOW TABLES", "CREATE DATABASE made"] {
        let info = door.get_flight_info(Request::new(statement(sql))).await.unwrap().into_inner();
        let schema = info.clone().try_decode_schema().unwrap();
        let response = door.do_get(Request::new(ticket(info))).await.unwrap();
        assert!(response.metadata().contains_key("x-arachne-query-id"), "{sql}");
        let mut rows = FlightRecordBatchStream::new_from_flight_data(response.into_inner().map_err(FlightError::from));
        assert!(rows.try_next().await.unwrap().is_none(), "{sql}");
        assert_eq!(rows.schema().map(AsRef::as_ref), Some(&schema), "{sql}");
    }
}

/// Milliseconds since 1970 for the test of what expires; no other test uses it.
static NOW: AtomicI64 = AtomicI64::new(1_000_000);

#[tokio::test]
async fn tickets_and_handles_end() {
    let credentials =
        Credentials { users: [("ann".to_owned(), UserEntry::default())].into(), ..Credentials::default() };
    let auth = Authenticator::new(AuthenticatorSettings {
        credentials,
        key: SigningKey::of_text("a key for tests, and for nothing else"),
        token_lifetime: Duration::from_secs(365 * 24 * 3600),
        clock: || NOW.load(Ordering::SeqCst),
    })
    .unwrap();
    let door = FlightSql::new(Doors { auth: Arc::new(auth), ..doors() });
    let ann = || arachne_engine::access::Principal::user("ann");
    fn by<T>(message: T, principal: arachne_engine::access::Principal) -> Request<T> {
        let mut request = Request::new(message);
        request.extensions_mut().insert(principal);
        request
    }
    let info = door.get_flight_info(by(statement("SELECT 1"), ann())).await.unwrap().into_inner();
    let request = ActionCreatePreparedStatementRequest { query: "SELECT 1".to_owned(), transaction_id: None };
    let action = Action::new("CreatePreparedStatement", request.as_any().encode_to_vec());
    let mut prepared = door.do_action(by(action, ann())).await.unwrap().into_inner();
    let body = prepared.try_next().await.unwrap().unwrap().body;
    let prepared = PreparedStatement::decode(&*Any::decode(&*body).unwrap().value).unwrap();
    assert_eq!(prepared.is_update, Some(false));
    let query = || CommandPreparedStatementQuery { prepared_statement_handle: prepared.handle.clone() };

    NOW.fetch_add(31 * 60 * 1000, Ordering::SeqCst);
    let refused = door.do_get(by(ticket(info), ann())).await.err().unwrap();
    assert!(refused.code() == Code::NotFound && refused.message().contains("expired"), "{refused}");
    door.get_flight_info(by(described(&query()), ann())).await.unwrap();
    let ben = arachne_engine::access::Principal::user("ben");
    let refused = door.get_flight_info(by(described(&query()), ben)).await.err().unwrap();
    assert!(refused.code() == Code::NotFound && refused.message().contains("another user"), "{refused}");
    NOW.fetch_add(24 * 3600 * 1000, Ordering::SeqCst);
    let refused = door.get_flight_info(by(described(&query()), ann())).await.err().unwrap();
    assert!(refused.code() == Code::NotFound && refused.message().contains("expired"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_cancels_and_says_so() {
    let door = FlightSql::new(doors());
    let endless = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1";
    let info = door.get_flight_info(Request::new(statement(endless))).await.unwrap().into_inner();
    let mut request = Request::new(ticket(info));
    request.set_timeout(Duration::from_millis(200));
    let ended = match door.do_get(request).await {
        Err(status) => status,
        Ok(rows) => rows.into_inner().try_collect::<Vec<_>>().await.unwrap_err(),
    };
    assert_eq!(ended.code(), Code::DeadlineExceeded, "{ended}");
}

async fn rows(door: &FlightSql, ticket: Ticket) -> Result<Vec<RecordBatch>, Status> {
    let messages = door.do_get(Request::new(ticket)).await?.into_inner();
    let batches = FlightRecordBatchStream::new_from_flight_data(messages.map_err(FlightError::from));
    batches.try_collect().await.map_err(Status::from)
}

fn statement(sql: &str) -> FlightDescriptor {
    described(&CommandStatementQuery { query: sql.to_owned(), transaction_id: None })
}

fn described(command: &impl ProstMessageExt) -> FlightDescriptor {
    FlightDescriptor::new_cmd(command.as_any().encode_to_vec())
}

/// The one ticket, which holds no other command than the server's own.
fn ticket(info: FlightInfo) -> Ticket {
    let [endpoint] = &info.endpoint[..] else { panic!("{} endpoints", info.endpoint.len()) };
    let ticket = endpoint.ticket.clone().unwrap();
    let command = Command::try_from(Any::decode(&*ticket.ticket).unwrap()).unwrap();
    assert!(matches!(command, Command::TicketStatementQuery(_)), "{command:?}");
    ticket
}

fn doors() -> Doors {
    let parts = QueryServiceParts {
        catalog: Arc::new(MemoryCatalog::new()),
        stores: Arc::new(ObjectStores::new(StorageSettings::default())),
        invoker: None,
        settings: EngineSettings::default(),
        prices: PriceBook::built_in().unwrap(),
        clock: crate::wiring::now,
        coordination: Coordination::default(),
        access: Access::default(),
        observer: Arc::new(NoObserver),
    };
    Doors::open(QueryService::try_new(parts).unwrap())
}
