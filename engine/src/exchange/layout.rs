//! Names of exchange objects: `{exchange url}{run}/{stage}/{task}/{attempt}-{copy}.arrow`.
//!
//! The run's random id comes first, so that the load of many queries spreads over S3's key space.

use object_store::path::Path;
use url::Url;
use uuid::Uuid;

use crate::error::{Error, ErrorCode, Result};
use crate::protocol::{Attempt, ExchangeConfig, ProducedTask, RunId};

/// The output of one attempt, as written by one delivery of its request.
pub(crate) fn output_name(run: RunId, attempt: Attempt, copy: Uuid) -> String {
    format!("{run}/{}/{}/{}-{copy}.arrow", attempt.task.stage, attempt.task.task, attempt.number)
}

/// The object that holds a committed output.
pub(crate) fn name_of(run: RunId, produced: &ProducedTask) -> Result<String> {
    let ProducedTask { attempt, output } = produced;
    let copy = output.copy.ok_or_else(|| {
        Error::internal(format!("the output of attempt {attempt} neither came with its answer nor is an object"))
    })?;
    Ok(output_name(run, *attempt, copy))
}

/// A task request that was too large for a payload.
#[cfg(feature = "coordinator")]
pub(crate) fn request_name(run: RunId, attempt: Attempt) -> String {
    format!("{run}/{}/{}/{}.request.json", attempt.task.stage, attempt.task.task, attempt.number)
}

/// A manifest, where it is too large to be sent with every request.
#[cfg(feature = "coordinator")]
pub(crate) fn manifest_name(run: RunId, folder: &str) -> String {
    format!("{run}/{folder}/manifest")
}

/// There when attempts of the run are to stop; holds a `CancelMarker`.
pub(crate) fn cancel_name(run: RunId) -> String {
    format!("{run}/cancelled")
}

/// Everything a run wrote lies below this.
#[cfg(feature = "coordinator")]
pub(crate) fn run_prefix(exchange: &ExchangeConfig, run: RunId) -> Result<Path> {
    path(exchange, &run.to_string())
}

/// The key of a named object below the exchange's URL.
pub(crate) fn path(exchange: &ExchangeConfig, name: &str) -> Result<Path> {
    Ok(name.split('/').fold(root(exchange)?, |path, part| path.join(part)))
}

/// All runs lie below this.
pub(crate) fn root(exchange: &ExchangeConfig) -> Result<Path> {
    Path::from_url_path(url(exchange)?.path())
        .map_err(|error| Error::new(ErrorCode::InvalidArgument, format!("exchange location: {error}")))
}

pub(crate) fn url(exchange: &ExchangeConfig) -> Result<Url> {
    Url::parse(&exchange.url).map_err(|error| {
        Error::new(ErrorCode::InvalidArgument, format!("exchange location '{}' is not a URL: {error}", exchange.url))
            .with_hint("write it as s3://bucket/prefix/")
    })
}
