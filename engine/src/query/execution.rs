//! The walk of one statement: parse, wait for a place, plan, run where it was placed, settle the bill.

use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::history::QueryRecord;
use futures::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, info_span};

use super::admission::Pass;
use super::estimate::estimate;
use super::explain::{explain, placed_text};
use super::folders::Folders;
use super::handle::{QueryHandle, Rows};
use super::journal::Journal;
use super::launch::launch;
use super::ledger::{Ledger, LedgerParts};
use super::living::Live;
use super::memory::QueryMemory;
use super::planning::plan;
use super::pump::{Outlet, pump};
use super::request::{QueryId, QueryRequest, fingerprint};
use super::session::{QuerySession, SessionSettings};
use super::shared::{QueryContext, Shared};
use super::widen::widened;
use crate::access::Guard;
use crate::error::{Error, ErrorCode, Result};
use crate::sql::ddl::DdlContext;
use crate::sql::{self, Statement};

/// How often progress is brought up to date, and limits are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Bytes of a plan's text in the history.
const LONGEST_PLAN: usize = 64 * 1024;

/// Batches that wait for whoever reads them: so many that producer and reader need not wake each other for every one, some MB.
const BATCHES_AHEAD: usize = 8;

/// A statement that has come in: parsed, with a place in the queue, and not begun.
pub(super) struct Prepared {
    pub(super) query: QueryContext,
    statement: Result<Statement>,
    pass: Option<Pass>,
}

/// Parses a statement and takes a place in the queue.
///
/// # Errors
/// `Throttled` when the queue is full. What is wrong with the statement comes later, as the end of its query.
pub(super) fn prepare(
    shared: &Arc<Shared>,
    id: QueryId,
    request: QueryRequest,
    result: Option<String>,
) -> Result<Prepared> {
    shared.entrance.check()?;
    let statement = sql::parse_one(&request.sql);
    let pass = match &statement {
        Ok(Statement::Query(_) | Statement::Explain(_)) => Some(shared.gate.arrive(&request.principal.user)?),
        // Statements of the catalog are over at once.
        Ok(_) | Err(_) => None,
    };
    let (query, settings) = context(shared, id, request, result);
    Ok(Prepared { query, statement: statement.and_then(|statement| settings.map(|()| statement)), pass })
}

/// What belongs to a query before it has begun, and whether its settings are in order. Nothing is noted in the history.
pub(super) fn context(
    shared: &Arc<Shared>,
    id: QueryId,
    request: QueryRequest,
    result: Option<String>,
) -> (QueryContext, Result<()>) {
    let guard = Guard::new(Arc::clone(&shared.access), request.principal.clone());
    let (settings, checked) = match SessionSettings::of(&shared.settings, &guard, &request) {
        Ok(settings) => (settings, Ok(())),
        Err(error) => (SessionSettings::unchanged(&shared.settings, &guard), Err(error)),
    };
    let (fingerprint, checked) = match fingerprint(&request) {
        Ok(fingerprint) => (Some(fingerprint), checked),
        Err(error) => (None, checked.and(Err(error))),
    };
    let limits = settings.engine.limits.clone();
    let memory = QueryMemory::new(Arc::clone(&shared.memory), shared.settings.memory_bytes, limits.memory_per_query);
    let record = QueryRecord {
        id: id.0.clone(),
        token: request.token.clone(),
        owner: shared.owner.clone(),
        user: request.principal.user.clone(),
        workgroup: request.principal.workgroup.clone(),
        door: request.door.to_string(),
        database: request.database.clone(),
        sql: request.sql.clone(),
        fingerprint,
        submitted: (shared.clock)(),
        result,
        ..QueryRecord::default()
    };
    let ledger = Ledger::new(LedgerParts { id, prices: shared.prices.clone(), limits, memory });
    let query = QueryContext {
        shared: Arc::clone(shared),
        catalog: guard.catalog(&shared.catalog),
        guard,
        request: Arc::new(request),
        settings: Arc::new(settings),
        cancel: ledger.cancel.clone(),
        ledger: Arc::new(ledger),
        journal: Arc::new(Journal::new(Arc::clone(&shared.history), shared.clock, record)),
    };
    (query, checked)
}

/// The handle of a query that there was no place for.
pub(super) fn refused(shared: &Shared, id: QueryId, error: Error) -> QueryHandle {
    let memory = QueryMemory::new(Arc::clone(&shared.memory), shared.settings.memory_bytes, None);
    let limits = shared.settings.limits.clone();
    QueryHandle::refused(Ledger::new(LedgerParts { id, prices: shared.prices.clone(), limits, memory }), error)
}

impl Prepared {
    /// Runs it for whoever holds the handle; returns at once.
    pub(super) fn stream(self) -> QueryHandle {
        let (schema, columns) = oneshot::channel();
        let (batches, rows) = mpsc::channel(BATCHES_AHEAD);
        let ledger = Arc::clone(&self.query.ledger);
        self.run(Outlet::Stream { schema, batches });
        QueryHandle::new(ledger, columns, rows)
    }

    /// Runs it to a result that can be read later; returns at once.
    pub(super) fn store(self, url: String) {
        let store = self.query.shared.results.clone();
        self.run(Outlet::Store { store, url });
    }

    fn run(self, outlet: Outlet) {
        let Self { query, statement, pass } = self;
        let shared = Arc::clone(&query.shared);
        let live = Live { ledger: Arc::clone(&query.ledger), journal: Arc::clone(&query.journal) };
        shared.living.insert(query.ledger.id().clone(), live);
        let threads = shared.threads.clone().unwrap_or_else(Handle::current);
        // A part of the request's trace that it came with, where there is one.
        let span = info_span!("query", query_id = %query.ledger.id(), door = %query.request.door);
        let pump = pump(query.clone(), statement, pass, outlet).instrument(span.clone());
        let pump = AbortOnDropHandle::new(threads.spawn(pump));
        shared.background.spawn(look_after(query, pump).instrument(span));
    }
}

/// Watches over a query until its end, and writes that down. Runs beside the doors, so that it hears of cancellation and sees to
/// limits even while all threads of the queries are busy.
async fn look_after(query: QueryContext, mut pump: AbortOnDropHandle<()>) {
    let QueryContext { shared, ledger, journal, request, .. } = &query;
    let mut progress = ledger.watch();
    loop {
        let ended = tokio::select! {
            biased;
            ended = progress.wait_for(|progress| progress.state.has_ended()) => ended.is_ok(),
            () = ledger.cancel.cancelled() => {
                ledger.ended(Err(&cancelled()));
                continue;
            }
            _ = &mut pump => {
                ledger.ended(Err(&Error::internal("the query stopped without an end")));
                continue;
            }
            () = tokio::time::sleep(LOOK_EVERY) => false,
        };
        if ended {
            break;
        }
        ledger.look_after();
        journal.reached(ledger.progress().state).await;
    }
    // A query that was stopped lets go of what it holds as soon as it can; its record does not wait for that.
    drop(pump);
    let state = ledger.progress().state;
    let stats = ledger.stats();
    journal.close(state, ledger.reason().as_ref(), &stats, plan_to_keep(request, ledger)).await;
    shared.observer.ended(request.door, state, &stats);
    shared.living.remove(ledger.id());
}

/// The plan of a query with parameters, cut where it is very long: without their values it cannot be made again.
fn plan_to_keep(request: &QueryRequest, ledger: &Ledger) -> Option<String> {
    let mut text = ledger.plan_text().filter(|_| !request.parameters.is_empty())?;
    if text.len() > LONGEST_PLAN {
        text.truncate(text.floor_char_boundary(LONGEST_PLAN));
        text.push_str("\n... (the plan is longer than what is kept)\n");
    }
    Some(text)
}

pub(super) async fn run(query: &QueryContext, statement: Statement) -> Result<Rows> {
    match statement {
        Statement::Query(statement) => {
            let session = QuerySession::try_new(query, &statement)?;
            let (placed, schema) = plan(query, &session, statement).await?;
            let estimate = estimate(&placed, &session.settings, &query.shared.prices);
            session.settings.limits.check_estimate(estimate.cost.total())?;
            query.ledger.note_plan(placed_text(&placed));
            query.ledger.planned(&placed.reason);
            Ok(widened(launch(query, &session, placed).await?, &schema))
        }
        Statement::Explain(statement) => {
            explain(query, &QuerySession::try_new(query, &statement.statement)?, statement).await
        }
        other => catalog_statement(query, &other).await,
    }
}

async fn catalog_statement(query: &QueryContext, statement: &Statement) -> Result<Rows> {
    sql::Placeholders::None.refuse_values(&query.request.parameters)?;
    let context = DdlContext {
        catalog: query.catalog.as_ref(),
        database: &query.request.database,
        now: (query.shared.clock)(),
        folders: &Folders::new(query),
    };
    let (schema, batches) = sql::ddl::execute(statement, &context).await?;
    query.ledger.planned("a statement of the catalog");
    Ok(Rows { schema, batches: stream::iter(batches.into_iter().map(Ok)).boxed() })
}

pub(super) fn cancelled() -> Error {
    Error::new(ErrorCode::Cancelled, "the query was cancelled")
}
