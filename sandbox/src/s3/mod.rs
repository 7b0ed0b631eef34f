//! A local S3 on loopback, for demo, tests and benches.
//!
//! The protocol (routing, SigV4, aws-chunked bodies, XML) is the crate `s3s`; the storage behind it is ours, because the
//! engine's speed and its answers hang on details that storage decides: ranges clamped as S3 clamps them, ETags kept from
//! the put, bodies sent in large chunks, conditional requests judged atomically.
//!
//! A request walks: [`server`] (connections) -> [`service`] (log, latency, faults, byte counts) -> `s3s` -> [`access`] (who may) ->
//! [`backend`] (S3's operations) -> [`store`] (files and their index). The whole is checked by the suite in `conformance`.
//!
//! Not here, on purpose: versions, ACLs, tags, encryption, virtual-hosted addressing. Requests that depend on them are
//! refused, not ignored.

mod access;
mod backend;
mod conditions;
mod fault;
mod file_body;
mod request_log;
mod server;
mod server_conditions;
mod service;
mod settings;
mod shaped_body;
mod store;
mod traffic;
mod wire;

#[cfg(test)]
mod conformance;

pub use request_log::{RequestLog, RequestRecord};
pub use server::{S3Server, S3ServerError};
pub use server_conditions::S3Conditions;
pub use settings::S3Settings;
pub use traffic::{FirstByte, FirstByteError, S3Shape};
