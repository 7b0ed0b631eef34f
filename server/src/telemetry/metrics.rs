//! Counters, gauges and histograms, in the text format that Prometheus reads (OpenMetrics 1.0).

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arachne_engine::query::QueryStats;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::process::resident_bytes;
use crate::auth::Denied;

/// The answer of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds: from an answer out of memory to the longest queries.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

/// All that one process counts. Shared by its doors.
pub struct Metrics {
    registry: Mutex<Registry>,
    queries: Family<QueryLabels, Counter>,
    query_seconds: Family<DoorLabel, Histogram>,
    queued_seconds: Histogram,
    rows: Counter,
    bytes_scanned: Counter,
    bytes_exchanged: Counter,
    requests: Family<KindLabel, Counter>,
    dollars: Family<KindLabel, Counter<f64, AtomicU64>>,
    tasks: Counter,
    attempts: Counter,
    retried: Counter,
    cold_starts: Counter,
    running: Gauge,
    queued: Gauge,
    resident: Gauge<i64, AtomicI64>,
    http_requests: Family<HttpLabels, Counter>,
    http_seconds: Family<RouteLabel, Histogram>,
    flight_calls: Family<FlightLabels, Counter>,
    flight_seconds: Family<MethodLabel, Histogram>,
    denied: Family<ReasonLabel, Counter>,
    connections: Family<DoorLabel, Gauge>,
    refused_connections: Family<DoorLabel, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabels {
    state: &'static str,
    door: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoorLabel {
    door: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HttpLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FlightLabels {
    method: String,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

fn histogram() -> Histogram {
    Histogram::new(SECONDS)
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    pub fn new() -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::default()),
            queries: Family::default(),
            query_seconds: Family::new_with_constructor(histogram),
            queued_seconds: histogram(),
            rows: Counter::default(),
            bytes_scanned: Counter::default(),
            bytes_exchanged: Counter::default(),
            requests: Family::default(),
            dollars: Family::default(),
            tasks: Counter::default(),
            attempts: Counter::default(),
            retried: Counter::default(),
            cold_starts: Counter::default(),
            running: Gauge::default(),
            queued: Gauge::default(),
            resident: Gauge::default(),
            http_requests: Family::default(),
            http_seconds: Family::new_with_constructor(histogram),
            flight_calls: Family::default(),
            flight_seconds: Family::new_with_constructor(histogram),
            denied: Family::default(),
            connections: Family::default(),
            refused_connections: Family::default(),
        };
        metrics.register(&mut lock(&metrics.registry));
        metrics
    }

    fn register(&self, all: &mut Registry) {
        let ours = all.sub_registry_with_prefix("arachne");
        ours.register("queries", "Queries that have ended, by state and door", self.queries.clone());
        ours.register_with_unit(
            "query",
            "Time of a query without its time in the queue",
            Unit::Seconds,
            self.query_seconds.clone(),
        );
        ours.register_with_unit("queued", "Time of a query in the queue", Unit::Seconds, self.queued_seconds.clone());
        ours.register("rows", "Rows handed out", self.rows.clone());
        ours.register(
            "scanned_bytes",
            "Bytes of table data read, which is what is billed as scanned",
            self.bytes_scanned.clone(),
        );
        ours.register("exchanged_bytes", "Bytes read from the exchange between stages", self.bytes_exchanged.clone());
        ours.register("s3_requests", "Requests to object storage by kind", self.requests.clone());
        ours.register(
            "dollars",
            "US dollars by kind: lambda and s3 as spent, athena as it would have been there",
            self.dollars.clone(),
        );
        ours.register("tasks", "Tasks of queries", self.tasks.clone());
        ours.register("attempts", "Attempts at tasks", self.attempts.clone());
        ours.register("retried_attempts", "Attempts that followed a failure", self.retried.clone());
        ours.register("cold_starts", "Attempts that found no warm worker", self.cold_starts.clone());
        ours.register("queries_running", "Queries that run now", self.running.clone());
        ours.register("queries_queued", "Queries that wait now", self.queued.clone());
        ours.register("http_requests", "HTTP requests by method, route and status", self.http_requests.clone());
        ours.register_with_unit(
            "http_request",
            "Time to the head of the answer",
            Unit::Seconds,
            self.http_seconds.clone(),
        );
        ours.register("flight_calls", "Flight SQL calls by method and gRPC code", self.flight_calls.clone());
        ours.register_with_unit(
            "flight_call",
            "Time to the head of the answer",
            Unit::Seconds,
            self.flight_seconds.clone(),
        );
        ours.register("denied", "Callers that were not let in, by reason", self.denied.clone());
        ours.register("connections", "Open connections by door", self.connections.clone());
        ours.register(
            "refused_connections",
            "Connections closed at once because there were too many",
            self.refused_connections.clone(),
        );
        if resident_bytes().is_some() {
            all.register("process_resident_memory_bytes", "Resident memory of the process", self.resident.clone());
        }
    }

    /// `route` is the pattern of the route (`/v1/queries/{id}`), never the path that was asked for.
    pub fn http_request(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let labels = HttpLabels { method, route: route.to_owned(), status };
        self.http_requests.get_or_create(&labels).inc();
        self.http_seconds.get_or_create(&RouteLabel { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// `method` is the last part of the gRPC path (`DoGet`), of those that exist.
    pub fn flight_call(&self, method: &str, code: tonic::Code, took: Duration) {
        let labels = FlightLabels { method: method.to_owned(), code: code_name(code) };
        self.flight_calls.get_or_create(&labels).inc();
        self.flight_seconds.get_or_create(&MethodLabel { method: method.to_owned() }).observe(took.as_secs_f64());
    }

    /// A query that has ended. `door` and `state` are names of a few.
    pub fn query(&self, door: &str, state: &'static str, stats: &QueryStats) {
        let door = door.to_owned();
        self.queries.get_or_create(&QueryLabels { state, door: door.clone() }).inc();
        self.query_seconds.get_or_create(&DoorLabel { door }).observe(stats.total.as_secs_f64());
        self.queued_seconds.observe(stats.queued.as_secs_f64());
        self.rows.inc_by(stats.rows);
        let requests = &stats.requests;
        self.bytes_scanned.inc_by(requests.bytes_scanned);
        self.bytes_exchanged.inc_by(requests.bytes_exchanged);
        let kinds = [
            ("get", requests.get),
            ("head", requests.head),
            ("list", requests.list),
            ("put", requests.put),
            ("delete", requests.delete),
        ];
        for (kind, count) in kinds {
            self.requests.get_or_create(&KindLabel { kind }).inc_by(count);
        }
        for (kind, dollars) in [("lambda", stats.cost.lambda), ("s3", stats.cost.s3), ("athena", stats.cost.athena)] {
            self.dollars.get_or_create(&KindLabel { kind }).inc_by(dollars);
        }
        self.tasks.inc_by(stats.tasks.into());
        self.attempts.inc_by(stats.attempts.into());
        self.retried.inc_by(stats.retried.into());
        self.cold_starts.inc_by(stats.cold_starts.into());
    }

    /// A caller who was not let in.
    pub fn denied(&self, denied: &Denied) {
        let reason = match denied {
            Denied::Missing => "missing",
            Denied::Malformed => "malformed",
            Denied::WrongPassword => "password",
            Denied::WrongToken => "token",
            Denied::Expired => "expired",
            Denied::UnknownCertificate => "certificate",
            Denied::TooManyAttempts { .. } => "too_many_attempts",
        };
        self.denied.get_or_create(&ReasonLabel { reason }).inc();
    }

    /// The gauge of a door's open connections.
    pub(crate) fn connections(&self, door: &str) -> Gauge {
        self.connections.get_or_create_owned(&DoorLabel { door: door.to_owned() })
    }

    /// A connection that was closed at once because there were too many.
    pub(crate) fn refused_connection(&self, door: &str) {
        self.refused_connections.get_or_create(&DoorLabel { door: door.to_owned() }).inc();
    }

    /// What a scrape gets, in the format of [`CONTENT_TYPE`]. `running` and `queued` are queries at this moment.
    pub fn text(&self, running: usize, queued: usize) -> String {
        self.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        self.queued.set(i64::try_from(queued).unwrap_or(i64::MAX));
        self.resident.set(resident_bytes().and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(0));
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = text::encode(&mut out, &lock(&self.registry));
        out
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

fn lock(registry: &Mutex<Registry>) -> MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A client can send any word as a method.
pub(super) fn known_method(method: &http::Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

/// As gRPC's own metrics write them.
fn code_name(code: tonic::Code) -> &'static str {
    match code {
        tonic::Code::Ok => "OK",
        tonic::Code::Cancelled => "CANCELLED",
        tonic::Code::Unknown => "UNKNOWN",
        tonic::Code::InvalidArgument => "INVALID_ARGUMENT",
        tonic::Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        tonic::Code::NotFound => "NOT_FOUND",
        tonic::Code::AlreadyExists => "ALREADY_EXISTS",
        tonic::Code::PermissionDenied => "PERMISSION_DENIED",
        tonic::Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        tonic::Code::FailedPrecondition => "FAILED_PRECONDITION",
        tonic::Code::Aborted => "ABORTED",
        tonic::Code::OutOfRange => "OUT_OF_RANGE",
        tonic::Code::Unimplemented => "UNIMPLEMENTED",
        tonic::Code::Internal => "INTERNAL",
        tonic::Code::Unavailable => "UNAVAILABLE",
        tonic::Code::DataLoss => "DATA_LOSS",
        tonic::Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_shows_what_was_counted() {
        let metrics = Metrics::new();
        let stats = QueryStats { rows: 7, total: Duration::from_millis(300), tasks: 3, ..QueryStats::default() };
        metrics.query("http", "finished", &stats);
        metrics.http_request("POST", "/v1/sql", 200, Duration::from_millis(2));
        metrics.http_request(
            known_method(&http::Method::from_bytes(b"HACK").unwrap()),
            "/v1/sql",
            405,
            Duration::from_millis(2),
        );
        metrics.flight_call("DoGet", tonic::Code::NotFound, Duration::from_millis(2));
        metrics.denied(&Denied::WrongPassword);
        let text = metrics.text(2, 5);
        for line in [
            r#"arachne_queries_total{state="finished",door="http"} 1"#,
            r#"arachne_query_seconds_bucket{le="0.5",door="http"} 1"#,
            "arachne_rows_total 7",
            "arachne_tasks_total 3",
            "arachne_queries_running 2",
            "arachne_queries_queued 5",
            r#"arachne_http_requests_total{method="POST",route="/v1/sql",status="200"} 1"#,
            r#"arachne_http_requests_total{method="other",route="/v1/sql",status="405"} 1"#,
            r#"arachne_flight_calls_total{method="DoGet",code="NOT_FOUND"} 1"#,
            r#"arachne_denied_total{reason="password"} 1"#,
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
