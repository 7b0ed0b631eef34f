//! What a running server does to requests beside answering them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use s3s::{S3Result, s3_error};

use super::fault::Injected;
use super::traffic::{S3Shape, Traffic, Turn};
use crate::faults::{Active, FaultClass as _, S3Asked, S3Fault, S3Faults};

/// Latency, bandwidth, denied buckets and faults of a running server. All of it can be changed at any time.
#[derive(Debug, Default)]
pub struct S3Conditions {
    latency_us: AtomicU64,
    /// `None` for nothing held back.
    traffic: RwLock<Option<Arc<Traffic>>>,
    /// 0 for no limit.
    bytes_per_second: AtomicU64,
    denied_buckets: RwLock<BTreeSet<String>>,
    faults: RwLock<Option<Arc<Active<S3Faults, S3Fault>>>>,
    replacements: Mutex<Vec<Replacement>>,
}

/// Another version of an object, on its way.
#[derive(Debug)]
struct Replacement {
    bucket: String,
    key: String,
    reads_left: u64,
    bytes: Bytes,
}

impl S3Conditions {
    /// Makes every request wait this long before it is served.
    pub fn set_latency(&self, latency: Duration) {
        self.latency_us.store(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Sends the body of each answer (whatever others there are) at this many bytes a second, `None` for as fast as it goes.
    /// Holds for answers that begin from now on.
    pub fn set_bytes_per_second(&self, limit: Option<u64>) {
        self.bytes_per_second.store(limit.unwrap_or(0), Ordering::Relaxed);
    }

    /// Answers like this from now on; its draws and counts begin anew.
    pub fn set_shape(&self, shape: S3Shape) {
        let traffic = (shape != S3Shape::default()).then(|| Arc::new(Traffic::new(shape)));
        *self.traffic.write().unwrap_or_else(PoisonError::into_inner) = traffic;
    }

    /// Answers requests to this bucket with 403 `AccessDenied`.
    pub fn deny_bucket(&self, bucket: &str) {
        self.denied_buckets.write().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned());
    }

    /// Takes back [`deny_bucket`](Self::deny_bucket).
    pub fn allow_bucket(&self, bucket: &str) {
        self.denied_buckets.write().unwrap_or_else(PoisonError::into_inner).remove(bucket);
    }

    /// Injects these faults from now on, in place of those before. Counts begin anew, those that make "the n-th request" as
    /// well as [`injected`](Self::injected).
    pub fn set_faults(&self, plan: S3Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(Active::new(plan)));
    }

    /// Ends faults and forgets their counts. Answers under way keep theirs.
    pub fn clear_faults(&self) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How often each class was injected by the plan in force, by name.
    pub fn injected(&self) -> BTreeMap<&'static str, u64> {
        let active = self.active();
        let counts = active.map(|active| active.injected()).unwrap_or_default();
        counts.into_iter().map(|(class, count)| (class.name(), count)).collect()
    }

    /// Puts other bytes in the place of an object as soon as it has been read `reads` times (GETs that were answered, of
    /// whatever range), counted from now. The answers until then are of the version that was there.
    pub fn replace_after_reads(&self, bucket: &str, key: &str, reads: u64, bytes: impl Into<Bytes>) {
        let replacement = Replacement {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            reads_left: reads.max(1),
            bytes: bytes.into(),
        };
        self.replacements.lock().unwrap_or_else(PoisonError::into_inner).push(replacement);
    }

    /// How many objects wait for [their replacement](Self::replace_after_reads).
    pub fn pending_replacements(&self) -> usize {
        self.replacements.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Counts a read; the bytes that are to take the object's place now.
    pub(super) fn count_read(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let mut replacements = self.replacements.lock().unwrap_or_else(PoisonError::into_inner);
        let index = replacements.iter().position(|it| it.bucket == bucket && it.key == key)?;
        replacements[index].reads_left -= 1;
        (replacements[index].reads_left == 0).then(|| replacements.remove(index).bytes)
    }

    pub(crate) fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.denied_buckets.read().unwrap_or_else(PoisonError::into_inner).contains(bucket) {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        Ok(())
    }

    pub(super) fn bytes_per_second(&self) -> Option<u64> {
        Some(self.bytes_per_second.load(Ordering::Relaxed)).filter(|limit| *limit > 0)
    }

    /// The fault of this request, if it is to have one.
    pub(super) fn next_fault(&self, asked: &S3Asked<'_>) -> Option<Injected> {
        let active = self.active()?;
        let drawn = active.next(&asked.stable_key(), |plan, key, occurrence| plan.draw(asked, key, occurrence))?;
        Some(Injected { class: drawn.class, variant: drawn.variant, delay: active.plan.delay() })
    }

    /// How the next request, about this path, is to be answered by its [shape](Self::set_shape).
    pub(super) fn next_turn(&self, path: &str, reads: bool) -> Turn {
        let traffic = self.traffic.read().unwrap_or_else(PoisonError::into_inner).clone();
        traffic.map(|traffic| traffic.next(path, reads, Instant::now())).unwrap_or_default()
    }

    pub(super) async fn wait(&self, turn: &Turn) {
        let wait = Duration::from_micros(self.latency_us.load(Ordering::Relaxed)) + turn.first_byte;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn active(&self) -> Option<Arc<Active<S3Faults, S3Fault>>> {
        self.faults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
