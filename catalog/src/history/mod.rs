//! What was asked, by whom, and how it ended: kept beside the catalog, so that it outlives the process that ran it.
//!
//! Plain values: nothing here knows an engine. A record belongs to an **owner**, the coordinator that runs the query. Owners
//! give signs of life; what a dead one left unfinished can be failed by any other.

mod memory;
mod record;
mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;

pub use memory::MemoryHistory;
pub use record::{
    ExchangeRun, HistoryFilter, Owner, QueryRecord, RecordState, RecordedError, Retention, UnknownRecordState,
};
pub use sqlite::SqlHistory;

use crate::error::Result;

#[cfg(test)]
mod contract;

/// What became of a new record.
#[derive(Debug, Clone, PartialEq)]
pub enum Added {
    New,
    /// The same user gave the same token before; nothing was added.
    Known(Box<QueryRecord>),
}

/// Records of queries. Everything fails with `Unavailable` when the store behind it does.
#[async_trait]
pub trait QueryHistory: Debug + Send + Sync {
    /// Adds a record, unless its user has given its token before.
    ///
    /// # Errors
    /// `AlreadyExists` when the id is taken.
    async fn add(&self, record: QueryRecord) -> Result<Added>;

    /// Puts the record in the place of the one with its id, if that has not ended. False if it has, or is not there: an end
    /// is final.
    async fn update(&self, record: QueryRecord) -> Result<bool>;

    async fn get(&self, id: &str) -> Result<Option<QueryRecord>>;

    /// The last ones first.
    async fn list(&self, filter: &HistoryFilter) -> Result<Vec<QueryRecord>>;

    /// Asks the owner of a query that has not ended to cancel it. False if there is none.
    async fn ask_to_cancel(&self, id: &str) -> Result<bool>;

    /// The owner's queries that have not ended and that somebody wants cancelled.
    async fn to_cancel(&self, owner: &str) -> Result<Vec<String>>;

    /// A sign of life, at `now`.
    async fn alive(&self, owner: &str, now: i64) -> Result<()>;

    /// All that have given signs of life and have not been retired.
    async fn owners(&self) -> Result<Vec<Owner>>;

    /// An owner's records that have not ended, or whose exchange objects have not been removed.
    async fn unsettled(&self, owner: &str) -> Result<Vec<QueryRecord>>;

    /// Says that the exchange objects of an ended query are gone.
    async fn swept(&self, id: &str) -> Result<()>;

    /// Forgets an owner; its records stay.
    async fn retire(&self, owner: &str) -> Result<()>;

    /// Removes ended records that are beyond the bound, and returns them.
    async fn forget(&self, bound: Retention) -> Result<Vec<QueryRecord>>;
}
