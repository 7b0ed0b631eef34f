//! DoPut: statements that change something, and parameters that are bound. Also carries out what changes something for DoGet, as Python's
//! drivers send it.

use std::sync::Arc;

use arachne_engine::query::{Parameters, QueryId};
use arachne_engine::sql::{Piece, Statement as Sql, parse_one, split};
use arachne_engine::{Error, ErrorCode, Position};
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::{
    Command, CommandPreparedStatementQuery, CommandPreparedStatementUpdate, CommandStatementUpdate,
    DoPutPreparedStatementResult, DoPutUpdateResult,
};
use arrow_flight::{FlightData, PutResult};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use prost::Message;
use tonic::{Response, Status, Streaming};

use super::caller::Caller;
use super::command::{misplaced, of_descriptor};
use super::door::{Inner, REMEMBERED_BYTES};
use super::options;
use super::parameters;
use super::plan::{no_transaction, prepared};
use super::run::start;
use super::session::{Session, SetCookie};
use super::statement::{Purpose, Statement};
use super::status::{Refusal, Result, name_query};

/// Of a statement of which it is not known how many rows it changed.
const UNKNOWN_COUNT: i64 = -1;

type Answers = BoxStream<'static, Result<PutResult, Status>>;

pub(super) async fn put(
    door: &Arc<Inner>,
    caller: &Caller,
    mut messages: Streaming<FlightData>,
) -> Result<Response<Answers>> {
    let Some(first) = messages.message().await? else {
        return Err(Refusal::invalid("the call has no message: a command is expected in its first one"));
    };
    let Some(descriptor) = &first.flight_descriptor else {
        return Err(Refusal::invalid("the first message has no descriptor, so no command"));
    };
    match of_descriptor(descriptor)? {
        // Some clients leave their half of the call open until they have the answer, so it is not waited for.
        Command::CommandStatementUpdate(CommandStatementUpdate { query, transaction_id }) => {
            no_transaction(transaction_id.as_deref())?;
            script(door, caller, &query).await.map(Changed::answer)
        }
        Command::CommandPreparedStatementUpdate(CommandPreparedStatementUpdate { prepared_statement_handle }) => {
            let statement = prepared(door, caller, &prepared_statement_handle)?;
            let given = parameters::read(stream::once(async move { Ok(first) }).chain(messages)).await?;
            let bound = given.or_else(|| statement.bound.clone());
            let statement = Statement { bound, ..statement };
            execute(door, caller, statement).await.map(Changed::answer)
        }
        Command::CommandPreparedStatementQuery(CommandPreparedStatementQuery { prepared_statement_handle }) => {
            let statement = prepared(door, caller, &prepared_statement_handle)?;
            let bound = parameters::read(stream::once(async move { Ok(first) }).chain(messages)).await?;
            let statement = Statement { bound, ..statement };
            // Looked at now, so that a client hears of values that cannot be read from the call that gave them.
            statement.executions()?;
            let is_small = statement.bound.as_ref().is_none_or(|bound| bound.len() <= REMEMBERED_BYTES);
            door.bound.insert(statement.id.clone(), statement.bound.clone().filter(|_| is_small));
            let handle = statement.seal(&door.doors.auth, &caller.principal, Purpose::Handle);
            Ok(answer(&DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) }))
        }
        command => Err(misplaced(&command, "DoPut")),
    }
}

fn answer(message: &impl Message) -> Response<Answers> {
    let result = PutResult { app_metadata: message.encode_to_vec().into() };
    Response::new(stream::once(async { Ok(result) }).boxed())
}

/// What has come of a change.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Rows that some changes answer with (`MSCK REPAIR TABLE`); few.
    pub(super) batches: Vec<RecordBatch>,
    /// The last query, unless it was between the client and its session.
    pub(super) query: Option<QueryId>,
    pub(super) cookie: Option<SetCookie>,
    count: i64,
}

impl Changed {
    fn answer(self) -> Response<Answers> {
        let mut response = answer(&DoPutUpdateResult { record_count: self.count });
        if let Some(query) = &self.query {
            name_query(response.metadata_mut(), query);
        }
        if let Some(cookie) = self.cookie {
            cookie.write(response.metadata_mut());
        }
        response
    }
}

/// Statements one after the other; the first that fails ends it, and says where in the whole text it stands.
async fn script(door: &Arc<Inner>, caller: &Caller, sql: &str) -> Result<Changed> {
    let mut caller = caller.clone();
    let mut last: Option<Changed> = None;
    for Piece { text, position, .. } in split(sql) {
        let statement = Statement::new(text.to_owned(), &caller.session)?;
        let changed = execute(door, &caller, statement).await.map_err(|refusal| in_script(refusal, position))?;
        caller.session = door.sessions.get(&caller.session_key).unwrap_or(caller.session);
        let cookie = changed.cookie.or(last.and_then(|last| last.cookie));
        last = Some(Changed { cookie, ..changed });
    }
    last.ok_or_else(|| Error::new(ErrorCode::Syntax, "there is no statement to run").into())
}

fn in_script(refusal: Refusal, position: Position) -> Refusal {
    if position == (Position { line: 1, column: 1 }) {
        return refusal;
    }
    refusal.within(&format!("in the statement at line {}, column {}", position.line, position.column))
}

/// Runs a statement, whatever it is, to its end.
async fn execute(door: &Arc<Inner>, caller: &Caller, statement: Statement) -> Result<Changed> {
    match parse_one(&statement.sql) {
        Ok(Sql::Ddl(_) | Sql::Set { .. } | Sql::Reset { .. } | Sql::Use { .. }) => {
            change(door, caller, statement).await
        }
        // It is run, its rows are not asked for; what is wrong with a text that cannot be read is said by the query.
        Ok(Sql::Query(_) | Sql::Explain(_) | Sql::Show(_) | Sql::Describe(_)) | Err(_) => {
            let mut query = None;
            for parameters in statement.executions()? {
                let (id, mut results) = start(door, caller, &statement, parameters).await?;
                while let Some(batch) = results.next().await {
                    batch.map_err(|error| Refusal::of_query(&error, &id))?;
                }
                query = Some(id);
            }
            Ok(Changed { query, count: UNKNOWN_COUNT, ..Changed::default() })
        }
    }
}

/// Carries out what changes something. A client that hangs up does not stop it half-way.
pub(super) async fn change(door: &Arc<Inner>, caller: &Caller, statement: Statement) -> Result<Changed> {
    let (door, caller) = (Arc::clone(door), caller.clone());
    let work = tokio::spawn(async move { carry_out(&door, &caller, statement).await });
    work.await.map_err(|error| Refusal::new(ErrorCode::Internal, format!("the change was not carried out: {error}")))?
}

async fn carry_out(door: &Inner, caller: &Caller, statement: Statement) -> Result<Changed> {
    // What calls say in their headers is for one call.
    let stored = || door.sessions.get(&caller.session_key).unwrap_or_default();
    match parse_one(&statement.sql) {
        Ok(Sql::Set { name, value }) => {
            let mut session = stored();
            session.set(&name, &value);
            options::check(door, caller, &session)?;
            Ok(in_session(door, caller, &session))
        }
        Ok(Sql::Reset { name }) => {
            let mut session = stored();
            session.unset(&name);
            Ok(in_session(door, caller, &session))
        }
        Ok(Sql::Use { database }) => {
            let changed = run(door, caller, &statement).await?;
            let session = Session { database, ..stored() };
            Ok(Changed { cookie: door.sessions.put(&caller.session_key, &session), ..changed })
        }
        Ok(_) | Err(_) => run(door, caller, &statement).await,
    }
}

fn in_session(door: &Inner, caller: &Caller, session: &Session) -> Changed {
    Changed { cookie: door.sessions.put(&caller.session_key, session), ..Changed::default() }
}

async fn run(door: &Inner, caller: &Caller, statement: &Statement) -> Result<Changed> {
    let mut changed = Changed::default();
    for parameters in statement.executions()? {
        let parameters: Parameters = parameters;
        let (id, results) = start(door, caller, statement, parameters).await?;
        let batches: Vec<_> = results.try_collect().await.map_err(|error| Refusal::of_query(&error, &id))?;
        changed.batches.extend(batches);
        changed.query = Some(id);
    }
    Ok(changed)
}
