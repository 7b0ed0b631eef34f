//! Where the doors listen: addresses, TLS, limits, and who comes in. What a door answers is not known here.
//!
//! A request passes, from outside: the number of connections and slow clients (`connection`), TLS, the span and the counters, a net
//! for panics, other web sites' pages (`same_machine`, where nobody has to say who they are), `identify`, the size of its body.

mod body;
mod certificate;
mod connection;
mod entrance;
mod error;
mod grpc;
mod http;
mod identify;
mod problem;
mod renewal;
mod same_machine;
mod serving;
mod tls;
mod watched_files;

pub use entrance::Entrance;
pub use error::EntranceError;
pub use serving::{Ended, serve};

#[cfg(test)]
mod tests;
