//! Every byte that is read or written goes through here: found, pinned, counted, and asked for in good ranges.
//!
//! [`ObjectStores`] keeps one warm client per bucket for the whole process. A query, or a task of one, sees them through
//! its own [`QueryStores`], where each client is wrapped: `ranges` (kept from before, merged, split, bounded in number) over `retry` (tried again,
//! asked twice when late) over `pinned` (one version of an object, or an error) over `metered` (what is really asked and
//! received) over the client.
//! A plan is made ready to run by [`prepare_scans`]: columns are found whatever their case, more files are read at once than
//! there are cores (`read_ahead`), and few of them decoded (`turns`). Used by the coordinator and by the slim worker: nothing here
//! knows SQL or a catalog.

mod columns;
mod exact;
mod footers;
mod location;
mod metered;
mod pinned;
mod query_stores;
mod range_cache;
mod ranges;
mod read_ahead;
mod requests;
mod retry;
mod retry_after;
mod s3_client;
mod scans;
mod settings;
mod single_flight;
mod stores;
mod turns;
mod types;

pub use columns::{AnyCaseAdapterFactory, find_field, misfit};
pub use footers::query_caches;
pub use location::StoreUrl;
pub use metered::{Metered, StoreMeter, Traffic};
pub use pinned::{Pinned, Pins, pins_of};
pub use query_stores::{QueryStores, exchange_store};
pub use ranges::{RangePolicy, Ranged};
pub use read_ahead::{ReadAhead, ReadAheadExec, Start, read_ahead};
pub use requests::RequestCounts;
pub use retry::{HedgeSettings, Repeat, RetrySettings};
pub use scans::prepare_scans;
pub use settings::StorageSettings;
pub use stores::ObjectStores;
pub use types::{can_read, plain, wider};
