//! What operators see: metrics, traces and logs. No text of a user is in any of them: labels are of a few fixed values.

mod context;
mod install;
mod metrics;
mod observer;
mod process;
mod requests;

pub use install::{Traces, install};
pub use metrics::{CONTENT_TYPE, Metrics};
pub(crate) use requests::{METRICS_ROUTE, flight_call, http_request};

#[cfg(test)]
mod tests;
