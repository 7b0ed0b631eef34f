//! Every byte that is read or written goes through here: found, pinned, counted, and asked for in good ranges.

mod requests;

pub use requests::RequestCounts;
