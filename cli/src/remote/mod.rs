//! A server as the engine, over its HTTP door.
//!
//! A statement is submitted (`POST /v1/queries`), followed (`/events`) until it has ended, and its rows are then read as an Arrow
//! stream (`/results`). `client` speaks HTTP, `query` is one statement's walk, `rows` decodes.

mod client;
mod options;
mod query;
mod rows;

pub(crate) use options::RemoteOptions;

use arachne_engine::Error;
use arachne_engine::query::QueryRequest;
use arachne_server::http::document::{DatabasesDocument, DryRunDocument, SubmissionDocument, TablesDocument};
use futures::future::BoxFuture;

use crate::engine::{Engine, KnownNames, KnownTable, Running};
use crate::exit::Exit;
use client::Client;
use query::RemoteQuery;

/// A server.
#[derive(Debug)]
pub(crate) struct Remote {
    client: Client,
}

impl Remote {
    /// Does not talk to the server yet.
    ///
    /// # Errors
    /// What is wrong with the flags.
    pub(crate) fn of(url: &str, options: &RemoteOptions) -> Result<Self, String> {
        Ok(Self { client: Client::of(url, options)? })
    }
}

impl Engine for Remote {
    fn start(&self, request: QueryRequest) -> Box<dyn Running> {
        Box::new(RemoteQuery::new(self.client.clone(), submission(&request)))
    }

    fn check_settings<'a>(&'a self, request: &'a QueryRequest) -> BoxFuture<'a, Result<(), Error>> {
        let nothing = SubmissionDocument { sql: "SELECT 1".to_owned(), dry_run: true, ..submission(request) };
        Box::pin(async move { self.client.post::<DryRunDocument>("v1/queries", &nothing).await.map(|_| ()) })
    }

    fn names<'a>(&'a self, database: &'a str) -> BoxFuture<'a, KnownNames> {
        Box::pin(async move {
            let databases = self.client.get::<DatabasesDocument>(&["v1", "catalog", "databases"]).await;
            let tables = self.client.get::<TablesDocument>(&["v1", "catalog", "databases", database, "tables"]).await;
            let databases = databases.map(|document| document.databases).unwrap_or_default();
            let tables = tables.map(|document| document.tables).unwrap_or_default();
            KnownNames {
                databases: databases.into_iter().map(|database| database.name).collect(),
                tables: tables
                    .into_iter()
                    .map(|table| KnownTable { name: table.name, columns: table.columns })
                    .collect(),
            }
        })
    }

    fn close<'a>(&'a self, _exit: &'a anyhow::Result<Exit>) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

fn submission(request: &QueryRequest) -> SubmissionDocument {
    SubmissionDocument {
        sql: request.sql.clone(),
        database: Some(request.database.clone()),
        settings: request.settings.iter().cloned().collect(),
        ..SubmissionDocument::default()
    }
}
