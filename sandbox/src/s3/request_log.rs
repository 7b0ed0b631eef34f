use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// One request that the server has answered, or that its client gave up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// When the request's head arrived, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// HTTP method.
    pub method: String,
    /// S3's name for the operation (`GetObject`); `None` when the request was refused before it was known.
    pub operation: Option<String>,
    pub bucket: Option<String>,
    pub key: Option<String>,
    /// The prefix that was listed.
    pub prefix: Option<String>,
    /// The `Range` header as sent.
    pub range: Option<String>,
    /// HTTP status; 0 when the client left before there was an answer.
    pub status: u16,
    /// Body bytes received, as on the wire (aws-chunked framing included).
    pub request_bytes: u64,
    /// Body bytes handed to the connection: less than the answer's length when the client left early.
    pub response_bytes: u64,
    /// Until the answer's last byte was handed to the connection, in microseconds.
    pub elapsed_us: u64,
    /// Whether the whole answer was handed over.
    pub complete: bool,
    /// The class of the fault that was injected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

/// The requests a server has seen: the last ones in memory, all of them in a file if one was asked for.
///
/// A request is in the log before its client can have seen the end of the answer.
#[derive(Debug)]
pub struct RequestLog {
    capacity: usize,
    records: Mutex<VecDeque<RequestRecord>>,
    file: Option<Mutex<File>>,
}

impl RequestLog {
    /// A log that keeps the last `capacity` requests, and appends each as a JSON line to `file`.
    pub(crate) fn open(capacity: usize, file: Option<&Path>) -> io::Result<Self> {
        let file = file.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        Ok(Self { capacity, records: Mutex::default(), file: file.map(Mutex::new) })
    }

    /// The requests in memory, oldest first.
    pub fn snapshot(&self) -> Vec<RequestRecord> {
        lock(&self.records).iter().cloned().collect()
    }

    /// Forgets the requests in memory. The file keeps its lines.
    pub fn clear(&self) {
        lock(&self.records).clear();
    }

    pub(crate) fn push(&self, record: RequestRecord) {
        tracing::debug!(
            method = record.method,
            operation = record.operation,
            bucket = record.bucket,
            key = record.key,
            range = record.range,
            status = record.status,
            request_bytes = record.request_bytes,
            response_bytes = record.response_bytes,
            elapsed_us = record.elapsed_us,
            complete = record.complete,
            fault = record.fault,
            "s3 request"
        );
        if let Some(file) = &self.file {
            append_line(&mut lock(file), &record);
        }
        let mut records = lock(&self.records);
        while records.len() >= self.capacity.max(1) {
            records.pop_front();
        }
        if self.capacity > 0 {
            records.push_back(record);
        }
    }
}

fn append_line(file: &mut File, record: &RequestRecord) {
    let written = serde_json::to_vec(record).map_err(io::Error::from).and_then(|mut line| {
        line.push(b'\n');
        file.write_all(&line)
    });
    if let Err(error) = written {
        tracing::warn!(%error, "the request log's file could not be written");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str) -> RequestRecord {
        RequestRecord { method: "GET".to_owned(), key: Some(key.to_owned()), ..RequestRecord::default() }
    }

    #[test]
    fn drops_the_oldest_when_full() {
        let log = RequestLog::open(2, None).unwrap();
        for key in ["a", "b", "c"] {
            log.push(record(key));
        }
        assert_eq!(log.snapshot(), [record("b"), record("c")]);
        log.clear();
        assert!(log.snapshot().is_empty());
    }

    #[test]
    fn appends_json_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("requests.ndjson");
        for _ in 0..2 {
            RequestLog::open(0, Some(&path)).unwrap().push(record("a\nb"));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let keys: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].clone()).collect();
        assert_eq!(keys, ["a\nb", "a\nb"]);
    }
}
