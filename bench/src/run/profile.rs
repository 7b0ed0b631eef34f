//! What an engine asked of S3: how much, in what pieces, and how much of it at once.

use arachne_sandbox::s3::RequestRecord;
use serde::{Deserialize, Serialize};

/// Points of [`Profile::timeline`].
const POINTS: usize = 60;
/// Those that are left of it where it is [kept short](Profile::with_short_timeline).
const FEW_POINTS: usize = 12;
/// GETs are counted by the bytes of their bodies: up to so many, each less than the next, or more than the last.
pub(crate) const SIZES: [u64; 6] = [16_000, 64_000, 256_000, 1_000_000, 4_000_000, 16_000_000];

/// The requests of one run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Profile {
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) get: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) head: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) list: u64,
    /// Everything that writes, multipart uploads included.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) put: u64,
    /// Deletes, and what is asked of buckets.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) other: u64,
    /// Answered with 503, of any kind.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) throttled: u64,
    /// Of bodies of GETs of objects that were handed to the connection.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) bytes_read: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) bytes_written: u64,
    /// Bytes of one GET's body.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) get_p50: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) get_p90: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) get_max: u64,
    /// GETs by size: a count for each of [`SIZES`], then those that are larger. Empty where there were none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) get_sizes: Vec<u64>,
    /// Requests under way at once, from the first request to the end of the last.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) in_flight_max: u64,
    pub(crate) in_flight_mean: f64,
    /// Seconds from the first request to the end of the last.
    pub(crate) span: f64,
    /// Mean in flight in each of equal parts of `span`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) timeline: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Get,
    Head,
    List,
    Put,
    Other,
}

impl Profile {
    pub(crate) fn of(records: &[RequestRecord]) -> Self {
        let count = |kind| records.iter().filter(|record| kind_of(record) == kind).count() as u64;
        let gets: Vec<&RequestRecord> = records.iter().filter(|record| kind_of(record) == Kind::Get).collect();
        let mut sizes: Vec<u64> = gets.iter().map(|record| record.response_bytes).collect();
        sizes.sort_unstable();
        let spans = spans(records);
        let (in_flight_max, in_flight_mean, span) = in_flight(&spans);
        Self {
            get: count(Kind::Get),
            head: count(Kind::Head),
            list: count(Kind::List),
            put: count(Kind::Put),
            other: count(Kind::Other),
            throttled: records.iter().filter(|record| record.status == 503).count() as u64,
            bytes_read: sizes.iter().sum(),
            bytes_written: records.iter().map(|record| record.request_bytes).sum(),
            get_p50: at_share(&sizes, 0.5),
            get_p90: at_share(&sizes, 0.9),
            get_max: sizes.last().copied().unwrap_or(0),
            get_sizes: by_size(&sizes),
            in_flight_max,
            in_flight_mean: rounded(in_flight_mean),
            span: rounded(span),
            timeline: timeline(&spans),
        }
    }

    pub(crate) fn with_short_timeline(&self) -> Self {
        Self { timeline: shortened(&self.timeline), ..self.clone() }
    }

    pub(crate) fn without_timeline(&self) -> Self {
        Self { timeline: Vec::new(), ..self.clone() }
    }
}

fn kind_of(record: &RequestRecord) -> Kind {
    match (record.operation.as_deref(), record.method.as_str()) {
        (Some("GetObject"), _) => Kind::Get,
        (Some("HeadObject"), _) => Kind::Head,
        (Some("ListObjects" | "ListObjectsV2"), _) => Kind::List,
        (Some(operation), _)
            if operation.starts_with("Put")
                || operation.starts_with("UploadPart")
                || operation.starts_with("Copy")
                || operation.ends_with("MultipartUpload") && operation != "AbortMultipartUpload" =>
        {
            Kind::Put
        }
        // Refused before it was known what it asks for: as its method says, which is also how S3 would bill it.
        (None, "GET") if record.key.is_some() => Kind::Get,
        (None, "HEAD") => Kind::Head,
        (None, "GET") => Kind::List,
        (None, "PUT" | "POST") => Kind::Put,
        _ => Kind::Other,
    }
}

/// Start and end of each request, in microseconds.
fn spans(records: &[RequestRecord]) -> Vec<(u64, u64)> {
    records.iter().map(|record| (record.started_ms * 1000, record.started_ms * 1000 + record.elapsed_us)).collect()
}

/// The most at once, the mean, and the seconds from the first start to the last end.
fn in_flight(spans: &[(u64, u64)]) -> (u64, f64, f64) {
    let (Some(first), Some(last)) =
        (spans.iter().map(|(start, _)| *start).min(), spans.iter().map(|(_, end)| *end).max())
    else {
        return (0, 0.0, 0.0);
    };
    // An end comes before a start of the same moment.
    let mut changes: Vec<(u64, i64)> = spans.iter().flat_map(|(start, end)| [(*start, 1), (*end, -1)]).collect();
    changes.sort_unstable();
    let (mut now, mut most) = (0_i64, 0_i64);
    for (_, change) in changes {
        now += change;
        most = most.max(now);
    }
    let busy: u64 = spans.iter().map(|(start, end)| end - start).sum();
    let whole = last - first;
    let mean = if whole == 0 { most as f64 } else { busy as f64 / whole as f64 };
    (most.max(1).unsigned_abs(), mean, whole as f64 / 1e6)
}

fn timeline(spans: &[(u64, u64)]) -> Vec<f64> {
    let (Some(first), Some(last)) =
        (spans.iter().map(|(start, _)| *start).min(), spans.iter().map(|(_, end)| *end).max())
    else {
        return Vec::new();
    };
    let width = (last - first) as f64 / POINTS as f64;
    if width == 0.0 {
        return Vec::new();
    }
    let mut points = vec![0.0; POINTS];
    for (start, end) in spans {
        let (from, to) = ((start - first) as f64 / width, (end - first) as f64 / width);
        let (first_point, last_point) = (from.floor() as usize, to.ceil() as usize);
        for (point, value) in points.iter_mut().enumerate().take(last_point).skip(first_point) {
            *value += (to.min(point as f64 + 1.0) - from.max(point as f64)).max(0.0);
        }
    }
    points.into_iter().map(rounded).collect()
}

/// The same in a few points; one that is as short already stays.
pub(crate) fn shortened(timeline: &[f64]) -> Vec<f64> {
    let together = timeline.len().div_ceil(FEW_POINTS).max(1);
    timeline.chunks(together).map(|points| rounded(points.iter().sum::<f64>() / points.len() as f64)).collect()
}

fn by_size(sizes: &[u64]) -> Vec<u64> {
    if sizes.is_empty() {
        return Vec::new();
    }
    let mut counts = vec![0; SIZES.len() + 1];
    for size in sizes {
        counts[SIZES.partition_point(|most| most < size)] += 1;
    }
    counts
}

/// Of sorted values.
fn at_share(sorted: &[u64], share: f64) -> u64 {
    let index = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or(0)
}

/// There are many of them in a file of results, hot runs above all.
fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(operation: &str, started_ms: u64, elapsed_ms: u64, bytes: u64) -> RequestRecord {
        RequestRecord {
            started_ms,
            method: "GET".into(),
            operation: Some(operation.into()),
            status: 200,
            response_bytes: bytes,
            elapsed_us: elapsed_ms * 1000,
            complete: true,
            ..RequestRecord::default()
        }
    }

    #[test]
    fn requests_are_counted_by_what_s3_bills_them_as() {
        let operations = [
            "GetObject",
            "HeadObject",
            "ListObjectsV2",
            "ListObjects",
            "PutObject",
            "CreateMultipartUpload",
            "UploadPart",
            "CompleteMultipartUpload",
            "AbortMultipartUpload",
            "DeleteObject",
            "HeadBucket",
        ];
        let profile = Profile::of(&operations.map(|operation| record(operation, 0, 1, 7)));
        assert_eq!((profile.get, profile.head, profile.list, profile.put, profile.other), (1, 1, 2, 4, 3));
        assert_eq!(profile.bytes_read, 7, "only what GETs of objects return");
    }

    #[test]
    fn what_was_refused_early_counts_by_its_method() {
        let refused = |method: &str, key: Option<&str>| RequestRecord {
            method: method.into(),
            key: key.map(Into::into),
            status: 503,
            ..RequestRecord::default()
        };
        let profile = Profile::of(&[refused("GET", Some("a")), refused("GET", None), refused("HEAD", Some("a"))]);
        assert_eq!((profile.get, profile.list, profile.head, profile.throttled), (1, 1, 1, 3));
    }

    #[test]
    fn sizes_are_those_of_gets() {
        let sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100];
        let mut records: Vec<_> = sizes.map(|size| record("GetObject", 0, 1, size)).into();
        records.push(record("ListObjectsV2", 0, 1, 5000));
        let profile = Profile::of(&records);
        assert_eq!((profile.get_p50, profile.get_p90, profile.get_max), (6, 9, 100));
    }

    #[test]
    fn gets_are_counted_by_size() {
        let sizes = [0, 16_000, 16_001, 64_000, 5_000_000, 16_000_001, 99_000_000];
        let profile = Profile::of(&sizes.map(|size| record("GetObject", 0, 1, size)));
        assert_eq!(profile.get_sizes, [2, 2, 0, 0, 0, 1, 2]);
        assert!(Profile::of(&[record("HeadObject", 0, 1, 0)]).get_sizes.is_empty());
    }

    #[test]
    fn a_short_timeline_has_the_same_mean() {
        let long: Vec<f64> = (0..60).map(f64::from).collect();
        let short = shortened(&long);
        assert_eq!((short.len(), short[0], short[11]), (12, 2.0, 57.0));
        assert_eq!(shortened(&short), short);
        assert!(shortened(&[]).is_empty());
    }

    #[test]
    fn in_flight_is_counted_over_the_time_from_first_to_last() {
        // Two together for 10 ms, nothing for 10 ms, one for 10 ms.
        let records =
            [record("GetObject", 100, 10, 1), record("GetObject", 100, 10, 1), record("GetObject", 120, 10, 1)];
        let profile = Profile::of(&records);
        assert_eq!((profile.in_flight_max, profile.in_flight_mean, profile.span), (2, 1.0, 0.03));
        assert_eq!(profile.timeline.len(), POINTS);
        assert_eq!((profile.timeline[0], profile.timeline[30], profile.timeline[POINTS - 1]), (2.0, 0.0, 1.0));
    }

    #[test]
    fn one_after_the_other_is_one_at_a_time() {
        let profile = Profile::of(&[record("GetObject", 0, 5, 1), record("GetObject", 5, 5, 1)]);
        assert_eq!((profile.in_flight_max, profile.in_flight_mean), (1, 1.0));
    }

    #[test]
    fn what_is_zero_is_not_written_and_is_read_as_zero() {
        let profile = Profile::of(&[record("GetObject", 0, 5, 7)]);
        let text = serde_json::to_string(&profile).unwrap();
        assert!(text.contains("\"get\":1") && !text.contains("head"), "{text}");
        assert_eq!(serde_json::from_str::<Profile>(&text).unwrap(), profile);
    }

    #[test]
    fn no_requests_are_an_empty_profile() {
        assert_eq!(Profile::of(&[]), Profile::default());
    }
}
