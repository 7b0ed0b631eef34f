//! One statement on a server, from start to rows.

use std::time::Duration;

use arachne_engine::query::{QueryProgress, QueryStats};
use arachne_engine::{Error, ErrorCode};
use arachne_server::http::document::{QueryDocument, StateDocument, SubmissionDocument};
use eventsource_stream::Eventsource as _;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::timeout;
use uuid::Uuid;

use super::client::Client;
use super::rows;
use crate::engine::{Rows, Running};

/// How long the end of the program waits for the server to hear that a query is cancelled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections that are lost in a row before we give up following.
const MAX_LOST: usize = 5;
const PAUSE: Duration = Duration::from_millis(500);

pub(super) struct RemoteQuery {
    client: Client,
    submission: SubmissionDocument,
    id: Option<String>,
    progress: watch::Sender<QueryProgress>,
    ended: Option<QueryDocument>,
}

impl RemoteQuery {
    pub(super) fn new(client: Client, submission: SubmissionDocument) -> Self {
        // With a token of its own, what may have been lost on the way can be sent again.
        let submission = SubmissionDocument { token: Some(Uuid::new_v4().to_string()), ..submission };
        let progress = watch::Sender::new(QueryProgress::default());
        Self { client, submission, id: None, progress, ended: None }
    }

    async fn run(&mut self) -> Result<Rows, Error> {
        let id = self.submit().await?;
        let query = self.follow(&id).await?;
        self.ended = Some(query.clone());
        match query.state {
            StateDocument::Succeeded => rows::read(&self.client, &id).await,
            StateDocument::Queued | StateDocument::Running | StateDocument::Failed | StateDocument::Cancelled => {
                let error = query.error.map(Error::from);
                Err(error.unwrap_or_else(|| Error::new(ErrorCode::Cancelled, "the query was cancelled")))
            }
        }
    }

    async fn submit(&mut self) -> Result<String, Error> {
        let query: QueryDocument = self.client.post("v1/queries", &self.submission).await?;
        self.id = Some(query.id.clone());
        Ok(query.id)
    }

    /// The query when it has ended.
    async fn follow(&self, id: &str) -> Result<QueryDocument, Error> {
        let mut lost = 0;
        loop {
            let (heard, failure) = match self.listen(id).await {
                Ok(query) => return Ok(query),
                Err(lost) => lost,
            };
            lost = if heard { 0 } else { lost + 1 };
            if lost >= MAX_LOST || failure.code == ErrorCode::NotFound || failure.code == ErrorCode::PermissionDenied {
                return Err(failure);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One connection: the query when it has ended, or what broke it off, and whether anything was heard before.
    async fn listen(&self, id: &str) -> Result<QueryDocument, (bool, Error)> {
        let response = self.client.stream(&["v1", "queries", id, "events"], "text/event-stream").await;
        let mut events = response.map_err(|error| (false, error))?.bytes_stream().eventsource().boxed();
        let mut heard = false;
        while let Some(event) = events.next().await {
            let unreadable = |what: String| {
                (heard, Error::new(ErrorCode::Unavailable, format!("the server's events broke off: {what}")))
            };
            let event = event.map_err(|error| unreadable(error.to_string()))?;
            let query: QueryDocument =
                serde_json::from_str(&event.data).map_err(|error| unreadable(error.to_string()))?;
            heard = true;
            if let Some(progress) = query.progress {
                self.progress.send_replace(progress.into());
            }
            if query.state.has_ended() {
                return Ok(query);
            }
        }
        Err((heard, Error::new(ErrorCode::Unavailable, "the server's events ended before the query")))
    }

    async fn cancel_there(&mut self) -> Result<(), Error> {
        let id = match self.id.clone() {
            Some(id) => id,
            // It may have been taken without our having heard of it: the same token is the same query.
            None => self.submit().await?,
        };
        self.client.delete::<QueryDocument>(&["v1", "queries", &id]).await.map(|_| ())
    }
}

impl Running for RemoteQuery {
    fn progress(&self) -> watch::Receiver<QueryProgress> {
        self.progress.subscribe()
    }

    fn results(&mut self) -> BoxFuture<'_, Result<Rows, Error>> {
        Box::pin(self.run())
    }

    fn cancel(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.ended.is_none() {
                // A server that does not answer is left alone: there is nobody to tell.
                let _ = timeout(CANCEL_TIMEOUT, self.cancel_there()).await;
            }
        })
    }

    fn stats(&self) -> QueryStats {
        let stats = self.ended.as_ref().and_then(|query| query.stats.clone());
        // Those of a server of another version may lack something; then there is nothing to show.
        stats.and_then(|stats| serde_json::from_value(stats).ok()).unwrap_or_default()
    }
}
