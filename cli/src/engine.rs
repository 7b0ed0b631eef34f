//! What runs statements: this process (`queries`), or a server (`remote`). Nothing that faces the user knows which.

use arachne_engine::Error;
use arachne_engine::query::{QueryHandle, QueryProgress, QueryRequest, QueryStats};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::sync::watch;

use crate::exit::Exit;
use crate::queries::Queries;

pub(crate) trait Engine: Send + Sync {
    /// Starts a statement and returns at once.
    fn start(&self, request: QueryRequest) -> Box<dyn Running>;

    /// Says what is wrong with the settings of a request, if anything is; its statement does not matter.
    fn check_settings<'a>(&'a self, request: &'a QueryRequest) -> BoxFuture<'a, Result<(), Error>>;

    /// The names that can be used in statements. What cannot be read is not among them; the query itself will say why.
    fn names<'a>(&'a self, database: &'a str) -> BoxFuture<'a, KnownNames>;

    /// Ends what is left to be ended, in a bounded time.
    fn close<'a>(&'a self, exit: &'a anyhow::Result<Exit>) -> BoxFuture<'a, ()>;
}

/// A statement under way. Whoever loses interest cancels it.
pub(crate) trait Running: Send {
    fn progress(&self) -> watch::Receiver<QueryProgress>;

    /// Waits until rows can flow. To be called once; it may be given up, but for [`cancel`](Self::cancel) after it.
    fn results(&mut self) -> BoxFuture<'_, Result<Rows, Error>>;

    fn cancel(&mut self) -> BoxFuture<'_, ()>;

    /// Final once the rows have ended.
    fn stats(&self) -> QueryStats;
}

/// Batches as they come; after an error nothing more comes.
pub(crate) struct Rows {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: BoxStream<'static, Result<RecordBatch, Error>>,
}

/// Databases, and the tables of one of them.
#[derive(Debug, Default)]
pub(crate) struct KnownNames {
    pub(crate) databases: Vec<String>,
    pub(crate) tables: Vec<KnownTable>,
}

#[derive(Debug)]
pub(crate) struct KnownTable {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
}

impl Engine for Queries {
    fn start(&self, request: QueryRequest) -> Box<dyn Running> {
        Box::new(self.start(request))
    }

    fn check_settings<'a>(&'a self, request: &'a QueryRequest) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.check_settings(request) })
    }

    fn names<'a>(&'a self, database: &'a str) -> BoxFuture<'a, KnownNames> {
        Box::pin(async move {
            let catalog = self.catalog();
            let databases = catalog.databases().await.unwrap_or_default();
            let tables = catalog.tables(database).await.unwrap_or_default().into_iter().map(|table| {
                let columns = table.storage.columns.into_iter().chain(table.partition_keys);
                KnownTable { columns: columns.map(|column| column.name).collect(), name: table.name }
            });
            KnownNames {
                databases: databases.into_iter().map(|database| database.name).collect(),
                tables: tables.collect(),
            }
        })
    }

    fn close<'a>(&'a self, exit: &'a anyhow::Result<Exit>) -> BoxFuture<'a, ()> {
        Box::pin(self.close(exit))
    }
}

impl Running for QueryHandle {
    fn progress(&self) -> watch::Receiver<QueryProgress> {
        self.progress()
    }

    fn results(&mut self) -> BoxFuture<'_, Result<Rows, Error>> {
        Box::pin(async move {
            let results = self.results().await?;
            Ok(Rows { schema: results.schema(), batches: results.boxed() })
        })
    }

    fn cancel(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move { QueryHandle::cancel(self) })
    }

    fn stats(&self) -> QueryStats {
        self.stats()
    }
}
