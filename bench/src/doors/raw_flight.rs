//! A Flight server that sends batches from memory, whatever it is asked for: the measure of ours.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;

use anyhow::{Context, Result};
use arrow::array::RecordBatch;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::server::FlightSqlService;
use arrow_flight::sql::{SqlInfo, TicketStatementQuery};
use arrow_flight::{FlightData, Ticket};
use futures::{Stream, TryStreamExt, stream};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::rows;

/// Serves the rows of a Parquet file until it is killed.
pub(crate) async fn serve(address: SocketAddr, file: &Path) -> Result<()> {
    let service = FromMemory { batches: rows::read(file)? };
    Server::builder()
        .add_service(FlightServiceServer::new(service))
        .serve(address)
        .await
        .context("the raw Flight server")
}

#[derive(Debug)]
struct FromMemory {
    batches: Vec<RecordBatch>,
}

#[tonic::async_trait]
impl FlightSqlService for FromMemory {
    type FlightService = Self;

    async fn do_get_statement(
        &self,
        _ticket: TicketStatementQuery,
        _request: Request<Ticket>,
    ) -> Result<Response<<Self as FlightService>::DoGetStream>, Status> {
        // Cheap: batches share their columns.
        let batches = self.batches.clone();
        let data = FlightDataEncoderBuilder::new().build(stream::iter(batches.into_iter().map(Ok)));
        let data: Pin<Box<dyn Stream<Item = Result<FlightData, Status>> + Send>> = Box::pin(data.map_err(Status::from));
        Ok(Response::new(data))
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}
