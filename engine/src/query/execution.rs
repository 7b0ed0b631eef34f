//! The walk of one statement: parse, plan, run where it was placed, settle the bill.

use std::sync::{Arc, Mutex};

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::explain::explain;
use super::folders::Folders;
use super::handle::{QueryHandle, Rows};
use super::launch::launch;
use super::ledger::Ledger;
use super::planning::plan;
use super::progress::QueryProgress;
use super::request::{QueryId, QueryRequest};
use super::session::QuerySession;
use super::shared::{QueryContext, Shared};
use super::stats::QueryStats;
use crate::error::{Error, ErrorCode, Result};
use crate::sql::ddl::DdlContext;
use crate::sql::{self, Statement};

/// Runs a statement on the current runtime; returns at once.
pub(super) fn start(shared: Arc<Shared>, id: QueryId, request: QueryRequest) -> QueryHandle {
    let (progress, watched) = watch::channel(QueryProgress::default());
    let stats = Arc::new(Mutex::new(QueryStats::default()));
    let cancel = CancellationToken::new();
    let ledger = Arc::new(Ledger::new(id.clone(), shared.prices.clone(), progress, Arc::clone(&stats)));
    let query = QueryContext { shared, request: Arc::new(request), ledger, cancel: cancel.clone() };
    let started = tokio::spawn(async move {
        let rows = tokio::select! {
            rows = run(&query) => rows,
            () = query.cancel.cancelled() => Err(cancelled()),
            never = query.ledger.keep_refreshing() => match never {},
        };
        match rows {
            Ok(rows) => Ok(watched_rows(query, rows)),
            Err(error) => {
                query.ledger.ended(Err(&error));
                Err(error)
            }
        }
    });
    QueryHandle::new(id, watched, stats, cancel, started)
}

async fn run(query: &QueryContext) -> Result<Rows> {
    match sql::parse_one(&query.request.sql)? {
        Statement::Query(statement) => {
            let session = QuerySession::try_new(query)?;
            let placed = plan(query, &session, statement).await?;
            query.ledger.planned(&placed.reason);
            launch(query, &session, placed)
        }
        Statement::Explain(statement) => explain(query, &QuerySession::try_new(query)?, statement).await,
        other => catalog_statement(query, &other).await,
    }
}

async fn catalog_statement(query: &QueryContext, statement: &Statement) -> Result<Rows> {
    let context = DdlContext {
        catalog: query.shared.catalog.as_ref(),
        database: &query.request.database,
        now: (query.shared.clock)(),
        folders: &Folders::new(&query.shared, &query.ledger),
    };
    let (schema, batches) = sql::ddl::execute(statement, &context).await?;
    query.ledger.planned("a statement of the catalog");
    Ok(Rows { schema, batches: stream::iter(batches.into_iter().map(Ok)).boxed() })
}

/// Ties rows to the query's life: counted, cancelled, and settled at their end.
fn watched_rows(query: QueryContext, rows: Rows) -> Rows {
    let Rows { schema, batches } = rows;
    let QueryContext { ledger, cancel, .. } = query;
    let batches = stream::try_unfold((batches, EndOnDrop(ledger)), move |(mut batches, end)| {
        let cancel = cancel.clone();
        async move {
            let next = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(cancelled()),
                next = batches.try_next() => next,
                never = end.0.keep_refreshing() => match never {},
            };
            match next {
                Ok(Some(batch)) => {
                    end.0.add_rows(batch.num_rows());
                    Ok(Some((batch, (batches, end))))
                }
                Ok(None) => {
                    end.0.ended(Ok(()));
                    Ok(None)
                }
                Err(error) => {
                    drop(batches);
                    end.0.ended(Err(&error));
                    Err(error)
                }
            }
        }
    });
    Rows { schema, batches: batches.boxed() }
}

/// A result that nobody reads to its end counts as cancelled.
struct EndOnDrop(Arc<Ledger>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.ended(Err(&cancelled()));
    }
}

fn cancelled() -> Error {
    Error::new(ErrorCode::Cancelled, "the query was cancelled")
}
