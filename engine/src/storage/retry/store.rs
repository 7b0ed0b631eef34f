//! The layer of a store that tries again.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_trait::async_trait;
use bytes::BytesMut;
use futures::future::{Either, select};
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::time::Instant;

use super::super::StoreUrl;
use super::super::exact::wrong_length;
use super::super::ranges::SHORT_BODY;
use super::Repeat;
use super::effort::Effort;
use super::hedge::Late;
use super::list::resumed_list;
use super::resume::Resumed;
use crate::error::Error;

/// A store whose answers are whole, or errors that name the object and how often it was tried.
///
/// GETs of short ranges are hedged and come whole; longer bodies stream, and go on where they broke off. Listings go on after
/// the last key. PUTs that overwrite are made again, as are HEADs. What is left to the client below: parts of multipart
/// uploads, deletes and copies.
pub(in crate::storage) struct Retried {
    inner: Arc<dyn ObjectStore>,
    store: StoreUrl,
    effort: Arc<Effort>,
}

impl Retried {
    pub(in crate::storage) fn new(inner: Arc<dyn ObjectStore>, store: StoreUrl, effort: Arc<Effort>) -> Self {
        Self { inner, store, effort }
    }

    /// A short range, at the second try from another connection when the first is late: soon when nothing of it has come, for then
    /// S3 is slow; later when it is on its way, for then it may be our own line or machine that is busy.
    async fn hedged(&self, location: &Path, options: GetOptions, length: u64) -> Result<GetResult> {
        let hedges = &self.effort.hedges;
        let Late { head, whole } = hedges.start(length);
        let (started, has_begun) = (Instant::now(), AtomicBool::new(false));
        let mut first = pin!(self.received(location, options.clone(), length, Some(&has_begun)));
        for late in [head, whole] {
            if let Ok(answer) = tokio::time::timeout_at(started + late, &mut first).await {
                if answer.is_ok() {
                    hedges.observe(length, started.elapsed());
                }
                return answer;
            }
            if !has_begun.load(Relaxed) {
                break;
            }
        }
        if !hedges.take() {
            let answer = first.await;
            hedges.observe(length, started.elapsed());
            return answer;
        }
        let second = pin!(self.received(location, repeated(options, Repeat::Hedge), length, None));
        let answer = match select(first, second).await {
            Either::Left((Err(error), second)) if is_retryable(&error) => second.await,
            Either::Right((Err(error), first)) if is_retryable(&error) => first.await,
            Either::Left((answer, _)) | Either::Right((answer, _)) => answer,
        };
        hedges.observe(length, started.elapsed());
        answer
    }

    /// One GET with all of its body, of exactly the length that it announced.
    async fn received(
        &self,
        location: &Path,
        options: GetOptions,
        length: u64,
        has_begun: Option<&AtomicBool>,
    ) -> Result<GetResult> {
        let name = self.store.object(location);
        self.effort.whole(&name, length, self.receive(location, &name, options, has_begun)).await
    }

    async fn receive(
        &self,
        location: &Path,
        name: &str,
        options: GetOptions,
        has_begun: Option<&AtomicBool>,
    ) -> Result<GetResult> {
        let mut answer = self.effort.head(name, self.inner.get_opts(location, options)).await?;
        if let Some(has_begun) = has_begun {
            has_begun.store(true, Relaxed);
        }
        let GetResultPayload::Stream(mut body) = answer.payload else { return Ok(answer) };
        let expected = answer.range.end - answer.range.start;
        // Each part is copied as it comes, so that the connection can fill its buffer again.
        let mut whole = BytesMut::with_capacity(expected as usize);
        while let Some(part) = self.effort.more(name, body.next()).await? {
            let part = part?;
            if (whole.len() + part.len()) as u64 > expected {
                return Err(wrong_length(location, "more"));
            }
            whole.extend_from_slice(&part);
        }
        if (whole.len() as u64) < expected {
            return Err(wrong_length(location, "fewer"));
        }
        answer.payload = GetResultPayload::Stream(stream::iter([Ok(whole.freeze())]).boxed());
        Ok(answer)
    }
}

fn repeated(mut options: GetOptions, why: Repeat) -> GetOptions {
    options.extensions.insert(why);
    options
}

fn is_retryable(error: &object_store::Error) -> bool {
    Error::from(error).code.is_retryable()
}

/// The length of a body that is taken whole.
fn short(options: &GetOptions) -> Option<u64> {
    match &options.range {
        Some(GetRange::Bounded(range)) => {
            Some(range.end.saturating_sub(range.start)).filter(|length| *length <= SHORT_BODY)
        }
        Some(GetRange::Suffix(length)) => Some(*length).filter(|length| *length <= SHORT_BODY),
        Some(GetRange::Offset(_)) | None => None,
    }
}

#[async_trait]
impl ObjectStore for Retried {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let name = self.store.object(location);
        let again = |failures| {
            let options = options.clone();
            if failures == 0 { options } else { repeated(options, Repeat::Retry) }
        };
        if !options.head
            && let Some(length) = short(&options)
        {
            return self.effort.retrying(&name, |failures| self.hedged(location, again(failures), length)).await;
        }
        let request = |failures| self.effort.head(&name, self.inner.get_opts(location, again(failures)));
        let answer = self.effort.retrying(&name, request).await?;
        if options.head {
            return Ok(answer);
        }
        let (store, effort, location) = (Arc::clone(&self.inner), Arc::clone(&self.effort), location.clone());
        Ok(Resumed { store, effort, location, name, options }.whole(answer))
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        if opts.mode != PutMode::Overwrite {
            // Made again after a lost answer, it would find its own object in the way.
            return self.inner.put_opts(location, payload, opts).await;
        }
        let name = self.store.object(location);
        let length = payload.content_length() as u64;
        let put = |_| self.effort.whole(&name, length, self.inner.put_opts(location, payload.clone(), opts.clone()));
        self.effort.retrying(&name, put).await
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let name = self.store.object(location);
        let create = |_| self.effort.head(&name, self.inner.put_multipart_opts(location, opts.clone()));
        self.effort.retrying(&name, create).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, None)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let name = self.folder(prefix);
        self.effort.retrying(&name, |_| self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

impl Retried {
    fn listed(&self, prefix: Option<&Path>, after: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, effort) = (Arc::clone(&self.inner), Arc::clone(&self.effort));
        resumed_list(store, effort, self.folder(prefix), prefix.cloned(), after.cloned())
    }

    fn folder(&self, prefix: Option<&Path>) -> String {
        format!("the listing of {}/", self.store.object(prefix.unwrap_or(&Path::default())).trim_end_matches('/'))
    }
}

impl fmt::Debug for Retried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Retried({:?})", self.inner)
    }
}

impl fmt::Display for Retried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner)
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
