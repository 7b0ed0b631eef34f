//! GetFlightInfo, GetSchema and preparing: what a command will answer with. Nothing runs yet.

use std::sync::Arc;

use arachne_engine::query::{Description, Parameters, StatementKind};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::sql::{Command, CommandPreparedStatementQuery};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use prost::Message as _;
use prost::bytes::Bytes;

use super::caller::Caller;
use super::command::misplaced;
use super::door::Inner;
use super::metadata;
use super::statement::{Purpose, Statement};
use super::status::{Refusal, Result};
use crate::format::wire_schema;

/// What DoGet will answer with, and what it is asked by.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) schema: SchemaRef,
    ticket: Ticket,
}

impl Planned {
    /// One endpoint without a place: many clients read only the first, or refuse several, and the server is reached best where it
    /// was reached before.
    pub(super) fn flight_info(&self, descriptor: FlightDescriptor) -> Result<FlightInfo> {
        let endpoint = FlightEndpoint::new().with_ticket(self.ticket.clone());
        let info = FlightInfo::new().with_descriptor(descriptor).with_endpoint(endpoint);
        Ok(info.try_with_schema(&self.schema)?.with_ordered(true))
    }
}

pub(super) async fn plan(door: &Inner, caller: &Caller, command: Command) -> Result<Planned> {
    match command {
        Command::CommandStatementQuery(query) => {
            no_transaction(query.transaction_id.as_deref())?;
            plan_statement(door, caller, Statement::new(query.query, &caller.session)?).await
        }
        Command::CommandPreparedStatementQuery(CommandPreparedStatementQuery { prepared_statement_handle }) => {
            plan_statement(door, caller, prepared(door, caller, &prepared_statement_handle)?).await
        }
        command => match metadata::schema(&command) {
            Some(schema) => Ok(Planned { schema, ticket: Ticket::new(command.into_any().encode_to_vec()) }),
            None => Err(misplaced(&command, "GetFlightInfo")),
        },
    }
}

async fn plan_statement(door: &Inner, caller: &Caller, statement: Statement) -> Result<Planned> {
    let statement = promised(door, caller, statement).await?;
    let schema = Arc::new(Schema::try_from(IpcMessage(statement.schema.clone()))?);
    Ok(Planned { schema, ticket: statement.ticket(&door.doors.auth, &caller.principal) })
}

/// A statement to be redeemed: the columns promised here are those that DoGet sends, whatever the physical plan makes of them.
pub(super) async fn promised(door: &Inner, caller: &Caller, statement: Statement) -> Result<Statement> {
    let parameters = statement.executions()?.into_iter().next().unwrap_or(Parameters::None);
    let description = describe(door, caller, &statement, parameters).await?;
    let schema = wire_schema(&description.schema);
    let is_change = description.kind == StatementKind::Change;
    Ok(Statement {
        is_change,
        run: if is_change { door.run.clone() } else { String::new() },
        schema: encapsulated(&schema)?,
        ..statement.under_new_id()
    })
}

pub(super) async fn describe(
    door: &Inner,
    caller: &Caller,
    statement: &Statement,
    parameters: Parameters,
) -> Result<Description> {
    Ok(door.doors.service.describe(&statement.request(&caller.principal, parameters)).await?)
}

/// The statement of a handle, with what was bound to it last.
///
/// # Errors
/// When there is none: the handle is malformed, another user's, closed or expired.
pub(super) fn prepared(door: &Inner, caller: &Caller, handle: &[u8]) -> Result<Statement> {
    let statement = Statement::unseal(&door.doors.auth, &caller.principal, Purpose::Handle, handle)?;
    if door.closed.get(&statement.id).is_some() {
        return Err(Refusal::new(arachne_engine::ErrorCode::NotFound, "the prepared statement was closed"));
    }
    // A handle that was given out with parameters in it has its own.
    let bound = statement.bound.clone().or_else(|| door.bound.get(&statement.id).flatten());
    Ok(Statement { bound, ..statement })
}

/// # Errors
/// There are no transactions.
pub(super) fn no_transaction(id: Option<&[u8]>) -> Result<()> {
    match id {
        None | Some([]) => Ok(()),
        Some(_) => Err(Refusal::invalid("there are no transactions, so this one was not begun here")),
    }
}

/// A schema in the form in which Flight SQL has it in its messages.
pub(super) fn encapsulated(schema: &Schema) -> Result<Bytes> {
    let IpcMessage(bytes) = SchemaAsIpc::new(schema, &IpcWriteOptions::default()).try_into()?;
    Ok(bytes)
}
