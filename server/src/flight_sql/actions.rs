//! DoAction: prepared statements, sessions, cancellation.

use std::sync::Arc;

use arachne_engine::ErrorCode;
use arachne_engine::query::{Parameters, StatementKind};
use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, Any, Command, ProstMessageExt as _,
};
use arrow_flight::{Action, ActionType, CancelFlightInfoRequest, RenewFlightEndpointRequest, Result as Answer};
use futures::stream::{self, BoxStream, StreamExt as _};
use prost::Message;
use prost::bytes::Bytes;
use tonic::{Response, Status};

use super::caller::Caller;
use super::cancel;
use super::command::{misplaced, unpack};
use super::door::Inner;
use super::messages::PreparedStatement;
use super::plan::{describe, encapsulated, no_transaction};
use super::statement::{Purpose, Statement};
use super::status::{Refusal, Result};
use super::{options, parameters};
use crate::format::wire_schema;

/// What is carried out, and the messages that go with it.
const ACTIONS: [(&str, &str); 8] = [
    (
        "CreatePreparedStatement",
        "prepares a statement: ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult",
    ),
    ("ClosePreparedStatement", "forgets a prepared statement: ActionClosePreparedStatementRequest, nothing"),
    ("CancelFlightInfo", "cancels the query of a FlightInfo: CancelFlightInfoRequest, CancelFlightInfoResult"),
    ("CancelQuery", "the same, as it was before: ActionCancelQueryRequest, ActionCancelQueryResult"),
    ("RenewFlightEndpoint", "makes a ticket valid for longer: RenewFlightEndpointRequest, FlightEndpoint"),
    ("SetSessionOptions", "sets catalog, schema and arachne.*: SetSessionOptionsRequest, SetSessionOptionsResult"),
    ("GetSessionOptions", "what is set: GetSessionOptionsRequest, GetSessionOptionsResult"),
    ("CloseSession", "forgets what was set: CloseSessionRequest, CloseSessionResult"),
];

pub(super) fn all() -> impl Iterator<Item = ActionType> + Send {
    ACTIONS.into_iter().map(|(name, text)| ActionType { r#type: name.to_owned(), description: text.to_owned() })
}

type Answers = BoxStream<'static, Result<Answer, Status>>;

pub(super) async fn perform(door: &Arc<Inner>, caller: &Caller, action: &Action) -> Result<Response<Answers>> {
    let mut response = Response::new(stream::empty().boxed());
    let body = match action.r#type.as_str() {
        "CreatePreparedStatement" => match unpack(&action.body)? {
            Command::ActionCreatePreparedStatementRequest(request) => Some(prepare(door, caller, request).await?),
            other => return Err(misplaced(&other, "CreatePreparedStatement")),
        },
        "ClosePreparedStatement" => match unpack(&action.body)? {
            Command::ActionClosePreparedStatementRequest(request) => {
                close(door, caller, &request)?;
                None
            }
            other => return Err(misplaced(&other, "ClosePreparedStatement")),
        },
        "CancelQuery" => {
            let request = any_body::<ActionCancelQueryRequest>(action)?;
            Some(cancel::query(door, caller, &request).await?.as_any_bytes())
        }
        "CancelFlightInfo" => {
            let request: CancelFlightInfoRequest = body(action)?;
            Some(cancel::flight_info(door, caller, request).await?.encode_to_vec().into())
        }
        "RenewFlightEndpoint" => {
            let request: RenewFlightEndpointRequest = body(action)?;
            Some(cancel::renew(door, caller, request)?.encode_to_vec().into())
        }
        "SetSessionOptions" => {
            Some(options::set(door, caller, action, response.metadata_mut()).await?.encode_to_vec().into())
        }
        "GetSessionOptions" => Some(options::get(door, caller).encode_to_vec().into()),
        "CloseSession" => Some(options::close(door, caller).encode_to_vec().into()),
        "BeginTransaction" | "EndTransaction" | "BeginSavepoint" | "EndSavepoint" => {
            let message = "there are no transactions: every statement stands by itself";
            return Err(Refusal::new(ErrorCode::NotSupported, message));
        }
        "CreatePreparedSubstraitPlan" => {
            return Err(Refusal::new(ErrorCode::NotSupported, "Substrait plans are not supported: send SQL"));
        }
        other => {
            let known = ACTIONS.map(|(name, _)| name).join(", ");
            let other: String = other.chars().take(80).collect();
            return Err(Refusal::invalid(format!("there is no action '{other}'; there are {known}")));
        }
    };
    if let Some(body) = body {
        *response.get_mut() = stream::once(async { Ok(Answer { body }) }).boxed();
    }
    Ok(response)
}

fn body<M: Message + Default>(action: &Action) -> Result<M> {
    M::decode(&*action.body)
        .map_err(|_| Refusal::invalid(format!("the body of the action {} cannot be read", action.r#type)))
}

fn any_body<M: arrow_flight::sql::ProstMessageExt>(action: &Action) -> Result<M> {
    let wrong = || Refusal::invalid(format!("the body of the action {} cannot be read", action.r#type));
    let any = Any::decode(&*action.body).map_err(|_| wrong())?;
    any.unpack().ok().flatten().ok_or_else(wrong)
}

/// For drivers that decide by it, a statement that changes something has no columns, and says that it is an update.
async fn prepare(door: &Inner, caller: &Caller, request: ActionCreatePreparedStatementRequest) -> Result<Bytes> {
    no_transaction(request.transaction_id.as_deref())?;
    let statement = Statement::new(request.query, &caller.session)?;
    let description = describe(door, caller, &statement, Parameters::None).await?;
    let is_update = description.kind == StatementKind::Change;
    let dataset_schema = if is_update { Bytes::new() } else { encapsulated(&wire_schema(&description.schema))? };
    let parameter_schema = match &description.parameters[..] {
        [] => Bytes::new(),
        fields => encapsulated(&parameters::schema(fields))?,
    };
    let statement = Statement { parameter_names: parameters::names(&description.parameters), ..statement };
    let handle = statement.seal(&door.doors.auth, &caller.principal, Purpose::Handle);
    let prepared = PreparedStatement { handle, dataset_schema, parameter_schema, is_update: Some(is_update) };
    let type_url = ActionCreatePreparedStatementResult::type_url().to_owned();
    Ok(Any { type_url, value: prepared.encode_to_vec().into() }.encode_to_vec().into())
}

/// Closing twice, or closing what has expired, is no mistake that a client could do anything about.
fn close(door: &Inner, caller: &Caller, request: &ActionClosePreparedStatementRequest) -> Result<()> {
    let handle = &request.prepared_statement_handle;
    let statement = Statement::unseal(&door.doors.auth, &caller.principal, Purpose::Handle, handle)?;
    door.bound.remove(&statement.id);
    door.closed.insert(statement.id, ());
    Ok(())
}
