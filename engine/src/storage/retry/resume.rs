//! A long body that breaks off is asked for again from where it broke.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore, Result};

use super::super::exact::{changed, wrong_length};
use super::Repeat;
use super::effort::Effort;

/// A body that brings less than this between two breaks is as good as one that brings nothing.
const PROGRESS: u64 = 256 * 1024;

/// A body that is still to be read, and what it takes to ask for the rest of it.
pub(super) struct Resumed {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) effort: Arc<Effort>,
    pub(super) location: Path,
    pub(super) name: String,
    pub(super) options: GetOptions,
}

impl Resumed {
    /// The answer with a body that is as long as announced, in one version, or an error.
    pub(super) fn whole(mut self, mut answer: GetResult) -> GetResult {
        let GetResultPayload::Stream(body) = answer.payload else { return answer };
        if self.options.if_match.is_none() {
            self.options.if_match.clone_from(&answer.meta.e_tag);
        }
        let range = answer.range.clone();
        let state = Rest { request: self, body, range, progress: 0, failures: 0, ended: false };
        answer.payload = GetResultPayload::Stream(stream::unfold(state, next).boxed());
        answer
    }
}

struct Rest {
    request: Resumed,
    body: BoxStream<'static, Result<Bytes>>,
    /// What is still to come.
    range: std::ops::Range<u64>,
    /// Bytes since the last break.
    progress: u64,
    /// Tries in a row that brought little.
    failures: u32,
    ended: bool,
}

async fn next(mut rest: Rest) -> Option<(Result<Bytes>, Rest)> {
    if rest.ended {
        return None;
    }
    loop {
        let error = match rest.request.effort.more(&rest.request.name, rest.body.next()).await {
            Ok(Some(Ok(bytes))) if bytes.len() as u64 > rest.range.end - rest.range.start => {
                let error = wrong_length(&rest.request.location, "more");
                if rest.range.is_empty() {
                    // What has been passed on already may not be what was asked for.
                    rest.ended = true;
                    return Some((Err(error), rest));
                }
                error
            }
            Ok(Some(Ok(bytes))) => {
                rest.range.start += bytes.len() as u64;
                rest.progress += bytes.len() as u64;
                return Some((Ok(bytes), rest));
            }
            Ok(None | Some(Err(_))) if rest.range.is_empty() => return None,
            Ok(None) => wrong_length(&rest.request.location, "fewer"),
            Ok(Some(Err(error))) | Err(error) => error,
        };
        if let Err(error) = rest.ask_again(error).await {
            rest.ended = true;
            return Some((Err(error), rest));
        }
    }
}

impl Rest {
    /// Replaces the broken body by one that starts where it broke.
    async fn ask_again(&mut self, mut error: StoreError) -> Result<()> {
        if std::mem::take(&mut self.progress) >= PROGRESS {
            self.failures = 0;
        }
        loop {
            self.failures += 1;
            let Resumed { store, effort, location, name, options } = &self.request;
            effort.pause_after(name, error, self.failures).await?;
            let mut options = options.clone();
            options.range = Some(GetRange::Bounded(self.range.clone()));
            options.extensions.insert(Repeat::Retry);
            match effort.head(name, store.get_opts(location, options)).await {
                Ok(answer) if answer.range == self.range => {
                    self.body = answer.into_stream();
                    return Ok(());
                }
                Ok(_) => error = wrong_length(location, "other"),
                Err(StoreError::Precondition { .. }) => return Err(changed(name, "changed")),
                Err(failed) => error = failed,
            }
        }
    }
}
