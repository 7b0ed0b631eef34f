//! DoGet: redeems tickets.

use std::sync::Arc;

use arachne_engine::ErrorCode;
use arachne_engine::query::{Parameters, QueryId, ResultStream};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::{Command, CommandPreparedStatementQuery};
use arrow_flight::{FlightData, IpcMessage};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use tonic::{Response, Status};

use super::caller::Caller;
use super::command::misplaced;
use super::door::Inner;
use super::statement::{Purpose, Statement};
use super::status::{Refusal, Result, name_query};
use super::update::{self, Changed};
use super::{metadata, plan, rows};
use crate::format::wire_schema;

type Messages = BoxStream<'static, Result<FlightData, Status>>;

pub(super) async fn get(door: &Arc<Inner>, caller: &Caller, command: Command) -> Result<Response<Messages>> {
    match command {
        Command::TicketStatementQuery(ticket) => {
            let handle = &ticket.statement_handle;
            let statement = Statement::unseal(&door.doors.auth, &caller.principal, Purpose::Ticket, handle)?;
            redeem(door, caller, statement).await
        }
        // Without asking GetFlightInfo first.
        Command::CommandPreparedStatementQuery(CommandPreparedStatementQuery { prepared_statement_handle }) => {
            let statement = plan::prepared(door, caller, &prepared_statement_handle)?;
            redeem(door, caller, plan::promised(door, caller, statement).await?).await
        }
        command => match metadata::rows(door, caller, &command).await? {
            Some(batch) => {
                let schema = batch.schema();
                Ok(Response::new(rows::encode(schema, stream::iter([Ok(batch)]), caller.deadline)))
            }
            None => Err(misplaced(&command, "DoGet")),
        },
    }
}

/// A ticket for rows may be redeemed again while it is valid, and runs again: clients do so when a connection breaks. One for a
/// change is good once.
async fn redeem(door: &Arc<Inner>, caller: &Caller, statement: Statement) -> Result<Response<Messages>> {
    if door.cancelled.get(&statement.id).is_some() {
        return Err(Refusal::new(ErrorCode::Cancelled, "the query was cancelled before it began"));
    }
    let promised = Schema::try_from(IpcMessage(statement.schema.clone()))?;
    if statement.is_change {
        if statement.run != door.run {
            let message = "the ticket is for a change and was given out before the server was started again";
            return Err(Refusal::new(ErrorCode::NotFound, message));
        }
        if door.used.insert(statement.id.clone(), ()).is_some() {
            let message = "the ticket is for a change and was used before: it is carried out once";
            return Err(Refusal::new(ErrorCode::AlreadyExists, message));
        }
        return change(door, caller, statement, Arc::new(promised)).await;
    }
    rows_of(door, caller, statement, Arc::new(promised)).await
}

/// Carried out before the answer begins: many clients do not read an answer in which they expect no rows.
async fn change(
    door: &Arc<Inner>,
    caller: &Caller,
    statement: Statement,
    promised: SchemaRef,
) -> Result<Response<Messages>> {
    let Changed { batches, query, cookie, .. } = update::change(door, caller, statement).await?;
    let has_columns = !promised.fields().is_empty();
    let batches = stream::iter(batches.into_iter().filter(move |_| has_columns).map(Ok));
    let mut response = Response::new(rows::encode(promised, batches, caller.deadline));
    if let Some(query) = query {
        name_query(response.metadata_mut(), &query);
    }
    if let Some(cookie) = cookie {
        cookie.write(response.metadata_mut());
    }
    Ok(response)
}

/// With several rows of parameters, the results of one execution after the other.
async fn rows_of(
    door: &Arc<Inner>,
    caller: &Caller,
    statement: Statement,
    promised: SchemaRef,
) -> Result<Response<Messages>> {
    let mut executions = statement.executions()?.into_iter();
    let first = executions.next().unwrap_or(Parameters::None);
    let (id, first) = start(door, caller, &statement, first).await?;
    check(&first.schema(), &promised)?;
    let first = batches(first, id.clone());

    let (again, caller_again) = (Arc::clone(door), caller.clone());
    let others = stream::iter(executions).then(move |parameters| {
        let (door, caller, statement) = (Arc::clone(&again), caller_again.clone(), statement.clone());
        async move {
            let (id, results) = start(&door, &caller, &statement, parameters).await?;
            Ok::<_, Refusal>(batches(results, id))
        }
    });
    let all = first.chain(others.try_flatten());
    let mut response = Response::new(rows::encode(promised, all, caller.deadline));
    name_query(response.metadata_mut(), &id);
    Ok(response)
}

/// Begins a query and waits until its rows can flow.
pub(super) async fn start(
    door: &Inner,
    caller: &Caller,
    statement: &Statement,
    parameters: Parameters,
) -> Result<(QueryId, ResultStream)> {
    let mut handle = door.doors.service.start(statement.request(&caller.principal, parameters));
    let id = handle.id().clone();
    door.queries.insert(statement.id.clone(), id.clone());
    let results = handle.results().await.map_err(|error| Refusal::of_query(&error, &id))?;
    Ok((id, results))
}

/// Dropped with the client's call, and then the query stops.
fn batches(results: ResultStream, id: QueryId) -> BoxStream<'static, Result<RecordBatch>> {
    results.map_err(move |error| Refusal::of_query(&error, &id)).boxed()
}

/// The tables of a statement may have changed since it was planned.
fn check(schema: &SchemaRef, promised: &SchemaRef) -> Result<()> {
    let now = wire_schema(schema);
    let columns = |schema: &SchemaRef| -> Vec<_> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    if columns(&now) == columns(promised) {
        return Ok(());
    }
    let message = "the statement has other columns now than when it was planned: its tables have changed";
    Err(Refusal::new(ErrorCode::InvalidData, message))
}
