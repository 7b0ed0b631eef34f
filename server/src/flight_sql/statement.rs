//! A statement on its way from one call to the next: in a ticket, or in the handle of a prepared statement.
//!
//! Both hold the whole statement, sealed for its principal; the server keeps none of it, so clients cannot fill its memory, and a
//! statement that was prepared outlives the server's restart where the signing key does.

use std::time::Duration;

use arachne_engine::ErrorCode;
use arachne_engine::access::Principal;
use arachne_engine::query::{Door, Parameters, QueryRequest};
use arrow_flight::Ticket;
use arrow_flight::sql::{ProstMessageExt as _, TicketStatementQuery};
use prost::Message;
use prost::bytes::Bytes;
use uuid::Uuid;

use super::parameters;
use super::session::Session;
use super::status::{Refusal, Result};
use crate::auth::Authenticator;

/// A ticket is redeemed right away; a query may wait for a person who looks at the first result before the second.
pub(super) const TICKET_VALID: Duration = Duration::from_secs(30 * 60);

/// How long a statement stays prepared.
pub(super) const HANDLE_VALID: Duration = Duration::from_secs(24 * 3600);

/// Longer texts are a mistake, and would travel back and forth in tickets.
pub(super) const MAX_SQL_BYTES: usize = 1 << 20;

/// What the sealed bytes are good for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Ticket,
    Handle,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Ticket => "flight ticket",
            Self::Handle => "flight handle",
        }
    }

    fn valid(self) -> Duration {
        match self {
            Self::Ticket => TICKET_VALID,
            Self::Handle => HANDLE_VALID,
        }
    }
}

/// The sealed message.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Statement {
    /// Names this ticket, or this prepared statement.
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) sql: String,
    #[prost(string, tag = "3")]
    pub(super) database: String,
    #[prost(message, repeated, tag = "4")]
    pub(super) settings: Vec<Setting>,
    /// Of the statement's parameters, in their order, where they have names.
    #[prost(string, repeated, tag = "5")]
    pub(super) parameter_names: Vec<String>,
    /// Bound parameters: an Arrow IPC stream, a row for each execution.
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub(super) bound: Option<Bytes>,
    /// Changes something; then the ticket is good once.
    #[prost(bool, tag = "7")]
    pub(super) is_change: bool,
    /// The run of the server that knows whether a ticket for a change was used.
    #[prost(string, tag = "8")]
    pub(super) run: String,
    /// The columns that were promised: an encapsulated Arrow IPC schema.
    #[prost(bytes = "bytes", tag = "9")]
    pub(super) schema: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Setting {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

impl Statement {
    /// # Errors
    /// For a text that is too long.
    pub(super) fn new(sql: String, session: &Session) -> Result<Self> {
        if sql.len() > MAX_SQL_BYTES {
            let message = format!("the statement has {} bytes, a statement may have {MAX_SQL_BYTES}", sql.len());
            return Err(Refusal::invalid(message));
        }
        let settings = session.settings.iter().cloned().map(|(name, value)| Setting { name, value });
        Ok(Self {
            id: Uuid::new_v4().to_string(),
            sql,
            database: session.database.clone(),
            settings: settings.collect(),
            ..Self::default()
        })
    }

    /// Another one that says the same.
    pub(super) fn under_new_id(&self) -> Self {
        Self { id: Uuid::new_v4().to_string(), ..self.clone() }
    }

    pub(super) fn request(&self, principal: &Principal, parameters: Parameters) -> QueryRequest {
        let settings = self.settings.iter().map(|setting| (setting.name.clone(), setting.value.clone()));
        QueryRequest {
            database: self.database.clone(),
            settings: settings.collect(),
            principal: principal.clone(),
            door: Door::FlightSql,
            parameters,
            ..QueryRequest::new(self.sql.clone())
        }
    }

    /// One for each time that the statement is to be executed.
    ///
    /// # Errors
    /// When what was bound does not fit the statement.
    pub(super) fn executions(&self) -> Result<Vec<Parameters>> {
        match &self.bound {
            Some(bound) => parameters::rows(bound, &self.parameter_names),
            None => Ok(vec![Parameters::None]),
        }
    }

    pub(super) fn seal(&self, auth: &Authenticator, principal: &Principal, purpose: Purpose) -> Bytes {
        auth.seal(purpose.name(), principal, &self.encode_to_vec(), purpose.valid()).into()
    }

    /// # Errors
    /// When the bytes are not what was sealed for this principal, or too old.
    pub(super) fn unseal(auth: &Authenticator, principal: &Principal, purpose: Purpose, bytes: &[u8]) -> Result<Self> {
        let payload = auth.unseal(purpose.name(), principal, bytes)?;
        Self::decode(&*payload).map_err(|_| {
            Refusal::new(ErrorCode::NotFound, "the ticket or handle was made by another version of the server")
        })
    }

    pub(super) fn ticket(&self, auth: &Authenticator, principal: &Principal) -> Ticket {
        let statement_handle = self.seal(auth, principal, Purpose::Ticket);
        Ticket::new(TicketStatementQuery { statement_handle }.as_any().encode_to_vec())
    }
}
