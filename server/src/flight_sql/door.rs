//! The gRPC calls of Flight, each handed on to where it is answered.
//!
//! arrow-flight's `FlightSqlService` is passed over: it cannot route GetSchema, PollFlightInfo or `is_update`, and calls what cannot be
//! decoded an internal error (docs/adr/0015). Its messages and its builders of answers are used.

use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{
    Action, ActionType, Criteria, Empty, FlightData, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse,
    PollInfo, PutResult, SchemaResult, Ticket,
};
use futures::stream::{self, BoxStream, StreamExt as _};
use prost::bytes::Bytes;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use super::caller::Caller;
use super::plan::{self, Planned};
use super::recent::Recent;
use super::session::Sessions;
use super::statement::{HANDLE_VALID, TICKET_VALID};
use super::status::{Refusal, Result};
use super::{actions, command, handshake, run, update};
use crate::doors::Doors;

/// Entries of each kind that are remembered at most.
const REMEMBERED: usize = 100_000;

/// Statements whose parameters are remembered, if they have no more bytes than [`REMEMBERED_BYTES`].
const BOUND_STATEMENTS: usize = 1024;
pub(super) const REMEMBERED_BYTES: usize = 64 << 10;

/// Answers the calls.
#[derive(Debug, Clone)]
pub(super) struct FlightSql(Arc<Inner>);

/// What outlasts a call.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) doors: Doors,
    pub(super) sessions: Sessions,
    /// Names this run of the server, which alone knows the tickets that were used.
    pub(super) run: String,
    /// Tickets for changes, which are good once.
    pub(super) used: Recent<String, ()>,
    /// Tickets that were cancelled before they were redeemed.
    pub(super) cancelled: Recent<String, ()>,
    /// The query that a ticket was last redeemed for.
    pub(super) queries: Recent<String, arachne_engine::query::QueryId>,
    /// Handles that were closed.
    pub(super) closed: Recent<String, ()>,
    /// Parameters for clients that go on to use the old handle after binding (flightsql-dbapi, older drivers).
    pub(super) bound: Recent<String, Option<Bytes>>,
}

impl FlightSql {
    pub(super) fn new(doors: Doors) -> Self {
        Self(Arc::new(Inner {
            doors,
            sessions: Sessions::default(),
            run: Uuid::new_v4().to_string(),
            used: Recent::new(TICKET_VALID + Duration::from_secs(60), REMEMBERED),
            cancelled: Recent::new(TICKET_VALID, REMEMBERED),
            queries: Recent::new(TICKET_VALID, REMEMBERED),
            closed: Recent::new(HANDLE_VALID, REMEMBERED),
            bound: Recent::new(HANDLE_VALID, BOUND_STATEMENTS),
        }))
    }

    async fn planned(&self, request: &Request<FlightDescriptor>) -> Result<Planned> {
        let caller = Caller::of(&self.0, request).await?;
        let command = command::of_descriptor(request.get_ref())?;
        caller.deadline.within(plan::plan(&self.0, &caller, command)).await?
    }
}

#[tonic::async_trait]
impl FlightService for FlightSql {
    type HandshakeStream = BoxStream<'static, Result<HandshakeResponse, Status>>;
    type ListFlightsStream = BoxStream<'static, Result<FlightInfo, Status>>;
    type DoGetStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoPutStream = BoxStream<'static, Result<PutResult, Status>>;
    type DoExchangeStream = BoxStream<'static, Result<FlightData, Status>>;
    type DoActionStream = BoxStream<'static, Result<arrow_flight::Result, Status>>;
    type ListActionsStream = BoxStream<'static, Result<ActionType, Status>>;

    async fn handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Self::HandshakeStream>, Status> {
        let caller = Caller::of(&self.0, &request).await?;
        Ok(handshake::answer(&self.0, &caller)?)
    }

    async fn get_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<FlightInfo>, Status> {
        let planned = self.planned(&request).await?;
        Ok(Response::new(planned.flight_info(request.into_inner())?))
    }

    /// Planning is all that a client has to wait for before it may fetch, so the first answer is complete.
    async fn poll_flight_info(&self, request: Request<FlightDescriptor>) -> Result<Response<PollInfo>, Status> {
        let planned = self.planned(&request).await?;
        let info = planned.flight_info(request.into_inner())?;
        Ok(Response::new(PollInfo {
            info: Some(info),
            flight_descriptor: None,
            progress: Some(1.0),
            expiration_time: None,
        }))
    }

    async fn get_schema(&self, request: Request<FlightDescriptor>) -> Result<Response<SchemaResult>, Status> {
        let planned = self.planned(&request).await?;
        Ok(Response::new(SchemaResult { schema: plan::encapsulated(&planned.schema)? }))
    }

    async fn do_get(&self, request: Request<Ticket>) -> Result<Response<Self::DoGetStream>, Status> {
        let caller = Caller::of(&self.0, &request).await?;
        let command = command::unpack(&request.get_ref().ticket)?;
        Ok(caller.deadline.within(run::get(&self.0, &caller, command)).await??)
    }

    async fn do_put(&self, request: Request<Streaming<FlightData>>) -> Result<Response<Self::DoPutStream>, Status> {
        let caller = Caller::of(&self.0, &request).await?;
        Ok(caller.deadline.within(update::put(&self.0, &caller, request.into_inner())).await??)
    }

    async fn do_action(&self, request: Request<Action>) -> Result<Response<Self::DoActionStream>, Status> {
        let caller = Caller::of(&self.0, &request).await?;
        Ok(caller.deadline.within(actions::perform(&self.0, &caller, request.get_ref())).await??)
    }

    async fn list_actions(&self, request: Request<Empty>) -> Result<Response<Self::ListActionsStream>, Status> {
        Caller::of(&self.0, &request).await?;
        Ok(Response::new(stream::iter(actions::all().map(Ok)).boxed()))
    }

    async fn list_flights(&self, request: Request<Criteria>) -> Result<Response<Self::ListFlightsStream>, Status> {
        Caller::of(&self.0, &request).await?;
        Err(not_supported("flights are not listed: ask GetFlightInfo with CommandGetTables").into())
    }

    async fn do_exchange(
        &self,
        request: Request<Streaming<FlightData>>,
    ) -> Result<Response<Self::DoExchangeStream>, Status> {
        Caller::of(&self.0, &request).await?;
        Err(not_supported("Flight SQL has no use for DoExchange").into())
    }
}

fn not_supported(message: &str) -> Refusal {
    Refusal::new(arachne_engine::ErrorCode::NotSupported, message)
}
