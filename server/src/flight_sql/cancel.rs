//! CancelFlightInfo, CancelQuery, RenewFlightEndpoint: what is done with tickets but redeeming them.
//!
//! A client that drops its stream of rows cancels its query without any of it.

use arachne_engine::query::QueryState;
use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult, Command, ProstMessageExt as _};
use arrow_flight::{
    CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightEndpoint, FlightInfo,
    RenewFlightEndpointRequest, Ticket,
};
use prost::Message as _;
use prost::bytes::Bytes;

use super::caller::Caller;
use super::command::unpack;
use super::door::Inner;
use super::statement::{Purpose, Statement};
use super::status::{Refusal, Result};

pub(super) async fn flight_info(
    door: &Inner,
    caller: &Caller,
    request: CancelFlightInfoRequest,
) -> Result<CancelFlightInfoResult> {
    let info = request.info.ok_or_else(|| Refusal::invalid("the request has no FlightInfo"))?;
    Ok(CancelFlightInfoResult { status: cancel(door, caller, &info).await?.into() })
}

/// The older form of the same, whose numbers for the outcome are the same too.
pub(super) async fn query(door: &Inner, caller: &Caller, request: &ActionCancelQueryRequest) -> Result<CancelledQuery> {
    let info = FlightInfo::decode(&*request.info).map_err(|_| Refusal::invalid("the request has no FlightInfo"))?;
    Ok(CancelledQuery(ActionCancelQueryResult { result: cancel(door, caller, &info).await?.into() }))
}

pub(super) struct CancelledQuery(ActionCancelQueryResult);

impl CancelledQuery {
    pub(super) fn as_any_bytes(&self) -> Bytes {
        self.0.as_any().encode_to_vec().into()
    }
}

/// Gives the same ticket anew, valid from now on.
pub(super) fn renew(door: &Inner, caller: &Caller, request: RenewFlightEndpointRequest) -> Result<FlightEndpoint> {
    let endpoint = request.endpoint.ok_or_else(|| Refusal::invalid("the request has no endpoint"))?;
    let ticket = match statement_of(door, caller, endpoint.ticket.as_ref())? {
        Some(statement) => Some(statement.ticket(&door.doors.auth, &caller.principal)),
        None => endpoint.ticket,
    };
    Ok(FlightEndpoint { ticket, ..endpoint })
}

async fn cancel(door: &Inner, caller: &Caller, info: &FlightInfo) -> Result<CancelStatus> {
    let ticket = info.endpoint.first().and_then(|endpoint| endpoint.ticket.as_ref());
    let Some(statement) = statement_of(door, caller, ticket)? else { return Ok(CancelStatus::NotCancellable) };
    door.cancelled.insert(statement.id.clone(), ());
    let Some(id) = door.queries.get(&statement.id) else { return Ok(CancelStatus::Cancelled) };
    let info = door.doors.service.cancel(&caller.principal, &id).await?;
    Ok(match info.state {
        QueryState::Cancelled => CancelStatus::Cancelled,
        QueryState::Finished | QueryState::Failed => CancelStatus::NotCancellable,
        QueryState::Queued | QueryState::Planning | QueryState::Running => CancelStatus::Cancelling,
    })
}

/// None for the ticket of metadata, which is over at once.
fn statement_of(door: &Inner, caller: &Caller, ticket: Option<&Ticket>) -> Result<Option<Statement>> {
    let ticket = ticket.ok_or_else(|| Refusal::invalid("there is no ticket in it"))?;
    match unpack(&ticket.ticket)? {
        Command::TicketStatementQuery(ticket) => {
            let handle = &ticket.statement_handle;
            Statement::unseal(&door.doors.auth, &caller.principal, Purpose::Ticket, handle).map(Some)
        }
        _ => Ok(None),
    }
}
