//! Logs of a worker: JSON lines on stderr, which is where Lambda collects them.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging for this process; `RUST_LOG` chooses what, by default everything from `info` up.
///
/// A second call does nothing: whoever came first keeps the logs.
pub fn init() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .finish();
    // An error says that a subscriber is set already.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
