//! The Flight SQL door: what JDBC, ODBC and ADBC drivers speak (docs/flight-sql.md, docs/adr/0015).
//!
//! A call goes this way:
//!
//! ```text
//! listen -> door (the gRPC calls) -> caller (who, which session, until when) -> command
//!   GetFlightInfo, GetSchema, PollFlightInfo -> plan     -> a schema and a sealed ticket; nothing runs
//!   DoGet                                    -> run      -> rows
//!                                            -> metadata -> catalogs, tables, types, what the server can do
//!   DoPut                                    -> update   -> changes, bound parameters
//!   DoAction                                 -> actions  -> prepared statements, sessions, cancellation
//! ```
//!
//! Statements go through [`QueryService`](arachne_engine::query::QueryService) like those of every door; what one may see and do is decided there.

mod actions;
mod caller;
mod cancel;
mod command;
mod door;
mod handshake;
mod messages;
mod metadata;
mod options;
mod parameters;
mod plan;
mod recent;
mod rows;
mod run;
mod session;
mod statement;
mod status;
mod update;

use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};

use crate::doors::Doors;

/// The gRPC service, for the listener (`crate::listen`) to put authentication, TLS and limits around.
pub fn service(doors: Doors) -> FlightServiceServer<impl FlightService> {
    FlightServiceServer::new(door::FlightSql::new(doors))
}

#[cfg(test)]
mod tests;
