//! The clients' side: answers through each door, read to their end.

use anyhow::{Context, Result, ensure};
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{FlightInfo, Ticket};
use futures::{StreamExt, TryStreamExt};
use tonic::transport::Channel;

/// What came out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Received {
    /// Not counted over HTTP, where bytes are taken as they come.
    pub(super) rows: usize,
    /// Of the batches in memory (Flight), or of the body (HTTP).
    pub(super) bytes: u64,
}

pub(super) async fn ticket(info: FlightInfo) -> Result<Ticket> {
    info.endpoint.into_iter().next().and_then(|endpoint| endpoint.ticket).context("an endpoint with a ticket")
}

/// Decodes every batch, as a client does that wants the rows.
pub(super) async fn do_get(client: &mut FlightSqlServiceClient<Channel>, ticket: Ticket) -> Result<Received> {
    let mut batches = client.do_get(ticket).await?;
    let mut received = Received::default();
    while let Some(batch) = batches.try_next().await? {
        received.rows += batch.num_rows();
        received.bytes += batch.get_array_memory_size() as u64;
    }
    Ok(received)
}

/// Sends SQL to `/v1/sql` and hands over the Arrow stream as it comes.
pub(super) async fn post(client: &reqwest::Client, url: &str, sql: &str) -> Result<reqwest::Response> {
    let request = client.post(url).header("accept", "application/vnd.apache.arrow.stream").body(sql.to_owned());
    let response = request.send().await?;
    let status = response.status();
    ensure!(status.is_success(), "{status}: {}", response.text().await?);
    Ok(response)
}

pub(super) async fn read(response: reqwest::Response) -> Result<Received> {
    let mut body = response.bytes_stream();
    let mut received = Received::default();
    while let Some(bytes) = body.next().await {
        received.bytes += bytes?.len() as u64;
    }
    Ok(received)
}
