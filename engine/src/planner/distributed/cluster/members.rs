//! Who is in the cluster, and who of them is there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion_distributed::GetWorkerInfoRequest;
use futures::future::join_all;
use tracing::warn;
use url::Url;

use super::channel::Channels;
use super::wire_error::of_worker;
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::ENGINE_VERSION;

/// A worker that does not say who it is within this time is left out.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The workers that the settings name, and the connections to them.
pub(crate) struct ClusterMembers {
    workers: Vec<Url>,
    pub(super) channels: Arc<Channels>,
}

impl ClusterMembers {
    /// # Errors
    /// `InvalidArgument` for what is not `http://host:port`.
    pub(crate) fn try_new(workers: &[String]) -> Result<Self> {
        let mut urls = workers.iter().map(|worker| address(worker)).collect::<Result<Vec<_>>>()?;
        urls.sort();
        urls.dedup();
        Ok(Self { workers: urls, channels: Arc::default() })
    }

    /// Those that answer, and are of this version. Others are left out, with a warning.
    ///
    /// # Errors
    /// `Unavailable` when none is left; it says why of each.
    pub(super) async fn present(&self) -> Result<Vec<Url>> {
        if self.workers.is_empty() {
            return Err(Error::new(ErrorCode::InvalidArgument, "compute 'cluster' is asked for and no worker is configured")
                .with_hint("start some with `arachne worker --cluster`, and set compute.cluster.workers (ARACHNE_COMPUTE__CLUSTER__WORKERS)"));
        }
        let answers = join_all(self.workers.iter().map(|worker| self.check(worker))).await;
        let mut present = Vec::new();
        let mut absent = Vec::new();
        for (worker, answer) in self.workers.iter().zip(answers) {
            match answer {
                Ok(()) => present.push(worker.clone()),
                Err(error) => absent.push(error),
            }
        }
        let Some(first) = absent.first() else { return Ok(present) };
        if present.is_empty() {
            let code = first.code;
            let all: Vec<_> = absent.into_iter().map(|error| error.message).collect();
            return Err(Error::new(code, format!("no worker of the cluster can be used: {}", all.join("; ")))
                .with_hint("start workers with `arachne worker --cluster`, of this program's version"));
        }
        for error in absent {
            warn!(code = error.code.label(), "a worker is left out: {}", error.message);
        }
        Ok(present)
    }

    async fn check(&self, worker: &Url) -> Result<()> {
        let mut channel = self.channels.to(worker)?;
        let info = tokio::time::timeout(ANSWER_TIMEOUT, channel.get_worker_info(GetWorkerInfoRequest {}))
            .await
            .map_err(|_| Error::new(ErrorCode::Unavailable, format!("worker {worker} does not answer")))?
            .map_err(|error| unreachable_worker(worker, &of_worker(worker, &error)))?;
        if info.version != ENGINE_VERSION {
            let theirs = if info.version.is_empty() { "unknown" } else { &info.version };
            let message = format!("worker {worker} is version {theirs} and this coordinator is {ENGINE_VERSION}");
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        Ok(())
    }
}

impl fmt::Debug for ClusterMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterMembers").field("workers", &self.workers).finish_non_exhaustive()
    }
}

fn unreachable_worker(worker: &Url, error: &Error) -> Error {
    let detail = error.message.rsplit(": ").next().unwrap_or(&error.message);
    Error::new(ErrorCode::Unavailable, format!("worker {worker} cannot be reached: {detail}"))
}

fn address(text: &str) -> Result<Url> {
    let wrong = || {
        Error::new(ErrorCode::InvalidArgument, format!("'{text}' is no worker's address"))
            .with_hint("write it as http://host:port")
    };
    let url = Url::parse(text.trim()).map_err(|_| wrong())?;
    if url.scheme() != "http" || url.host().is_none() || url.path() != "/" {
        return Err(wrong());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_counted_once() {
        let named = ["http://b:9000", "http://a:9000/", " http://b:9000/ "].map(str::to_owned);
        let workers = ClusterMembers::try_new(&named).unwrap().workers;
        assert_eq!(workers.iter().map(Url::as_str).collect::<Vec<_>>(), ["http://a:9000/", "http://b:9000/"]);
        for wrong in ["a:9000", "https://a:9000", "http://a:9000/x", ""] {
            let error = ClusterMembers::try_new(&[wrong.to_owned()]).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{wrong}");
        }
    }
}
