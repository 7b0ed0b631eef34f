//! Each fault as it looks on the wire, and to the client that the engine uses.

use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload, RetryConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::faults::{FaultClass, S3Fault, S3Faults, S3Operation, S3Scope};

/// Long enough to be told from none.
const DELAY: Duration = Duration::from_millis(400);

impl Sandbox {
    async fn start_with_object(length: usize) -> (Self, Bytes) {
        let s3 = Self::start().await;
        let data = pattern(length);
        s3.put("/bucket/k", &[], data.clone()).await;
        (s3, data)
    }

    fn always(&self, class: S3Fault) {
        self.server.conditions().set_faults(S3Faults::new(1).with(class, 1.0).with_delay(DELAY));
    }

    /// Sends a signed GET over a bare socket and reads until the connection ends.
    async fn raw_get(&self, target: &str) -> (Vec<u8>, std::io::Result<()>) {
        let request = self.signed(Method::GET, target, &[], "");
        let authority = request.uri().authority().unwrap().clone();
        let mut text = format!("GET {target} HTTP/1.1\r\nhost: {authority}\r\n");
        for (name, value) in request.headers().iter().filter(|(name, _)| *name != "host") {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        text.push_str("connection: close\r\n\r\n");
        let mut stream = TcpStream::connect(authority.as_str()).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        let end = stream.read_to_end(&mut received).await.map(|_| ());
        (received, end)
    }

    fn injected(&self, class: S3Fault) -> u64 {
        self.server.conditions().injected().get(class.name()).copied().unwrap_or(0)
    }
}

fn head_and_body(answer: &[u8]) -> (String, &[u8]) {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    (String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase(), &answer[end..])
}

#[tokio::test]
async fn errors_look_like_s3s() {
    let (s3, data) = Sandbox::start_with_object(10).await;
    for (class, expected) in [(S3Fault::InternalError, (500, "InternalError")), (S3Fault::SlowDown, (503, "SlowDown"))]
    {
        s3.always(class);
        let answer = s3.get("/bucket/k", &[]).await;
        assert_eq!(answer.error(), expected);
        assert!(!answer.headers.contains_key("retry-after"));
        assert_eq!(s3.head("/bucket/k", &[]).await.status.as_u16(), expected.0);
        assert_eq!(s3.put("/bucket/new", &[], pattern(3 * MIB)).await.error(), expected, "with its body unread");
    }
    s3.always(S3Fault::SlowDownRetryAfter);
    assert_eq!(s3.get("/bucket/k", &[]).await.header("retry-after"), "1");
    s3.server.conditions().clear_faults();
    assert!(s3.server.conditions().injected().is_empty());
    assert!(s3.get("/bucket/k", &[]).await.body == data);
    assert_eq!(s3.get("/bucket/new", &[]).await.status.as_u16(), 404, "nothing was done");
}

#[tokio::test]
async fn a_reset_comes_before_anything_is_done() {
    let (s3, _) = Sandbox::start_with_object(10).await;
    s3.always(S3Fault::Reset);
    let (received, end) = s3.raw_get("/bucket/k").await;
    assert!(received.is_empty());
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    let put = s3.signed(Method::PUT, "/bucket/new", &[], "data");
    assert!(s3.http.execute(put).await.is_err());
    s3.server.conditions().clear_faults();
    assert_eq!(s3.get("/bucket/new", &[]).await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_lost_answer_is_one_to_a_request_that_was_served() {
    let (s3, _) = Sandbox::start_with_object(10).await;
    s3.always(S3Fault::AnswerLost);
    let put = s3.signed(Method::PUT, "/bucket/new", &[], "data");
    assert!(s3.http.execute(put).await.is_err());
    assert_eq!(s3.injected(S3Fault::AnswerLost), 1);
    s3.server.conditions().clear_faults();
    assert_eq!(s3.get("/bucket/new", &[]).await.text(), "data");
}

#[tokio::test]
async fn a_cut_body_promises_more_than_it_sends() {
    let (s3, data) = Sandbox::start_with_object(2 * MIB).await;
    s3.always(S3Fault::CutBody);
    let (received, end) = s3.raw_get("/bucket/k").await;
    end.unwrap();
    let (head, body) = head_and_body(&received);
    assert!(head.starts_with("http/1.1 200") && head.contains(&format!("content-length: {}\r\n", 2 * MIB)), "{head}");
    assert!(body == &data[..MIB]);
    let error = s3.store.get(&Path::from("k")).await.unwrap().bytes().await;
    assert!(error.is_err(), "the client notices");
    let log = s3.server.request_log().snapshot();
    let record = log.iter().find(|record| record.fault == Some("cut-body")).unwrap();
    assert_eq!((record.complete, record.response_bytes), (false, MIB as u64));
}

#[tokio::test]
async fn slow_answers_are_right_and_late() {
    let (s3, data) = Sandbox::start_with_object(300_000).await;
    for class in [S3Fault::SlowFirstByte, S3Fault::SlowBody] {
        s3.always(class);
        let started = Instant::now();
        let answer = s3.http.execute(s3.signed(Method::GET, "/bucket/k", &[], "")).await.unwrap();
        let head_after = started.elapsed();
        assert!(answer.into_body().bytes().await.unwrap() == data);
        assert!(started.elapsed() >= DELAY.mul_f64(0.9), "{class:?} took {:?}", started.elapsed());
        if class == S3Fault::SlowFirstByte {
            assert!(head_after >= DELAY);
        }
    }
}

#[tokio::test]
async fn a_wrong_range_is_another_than_was_asked_for() {
    let (s3, data) = Sandbox::start_with_object(1000).await;
    s3.always(S3Fault::WrongRange);
    let mut kinds = std::collections::BTreeSet::new();
    for start in 100..164 {
        let answer = s3.get("/bucket/k", &[("range", &format!("bytes={start}-{}", start + 99))]).await;
        assert_eq!(answer.status.as_u16(), 206);
        let label = answer.header("content-range").strip_prefix("bytes ").unwrap().strip_suffix("/1000").unwrap();
        let (first, last) = label.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let (asked, length) = (data.slice(start..start + 100), answer.body.len());
        assert!(answer.body != asked);
        let kind = match (first, last - first + 1, length) {
            (first, 100, 50) if first == start => "mislabelled",
            (first, 50, 50) if first == start => "fewer",
            (first, 200, 200) if first == start => "more",
            (first, 100, 100) if first == start + 1 => "shifted",
            other => panic!("{other:?} for {start}"),
        };
        assert!(data[first..].starts_with(&answer.body), "bytes are those of the object");
        kinds.insert(kind);
    }
    assert_eq!(kinds.len(), 4);
    assert!(s3.get("/bucket/k", &[]).await.body == data, "only ranges can be wrong");
}

#[tokio::test]
async fn an_object_is_replaced_after_its_reads() {
    let (s3, data) = Sandbox::start_with_object(100).await;
    s3.server.conditions().replace_after_reads(BUCKET, "k", 2, "new");
    let etag = s3.head("/bucket/k", &[]).await.header("etag").to_owned();
    assert!(s3.get("/bucket/k", &[]).await.body == data);
    assert_eq!(s3.server.conditions().pending_replacements(), 1);
    assert!(s3.get("/bucket/k", &[("range", "bytes=0-9")]).await.body == data[..10]);
    assert_eq!(s3.server.conditions().pending_replacements(), 0);
    let pinned = s3.get("/bucket/k", &[("if-match", &etag)]).await;
    assert_eq!(pinned.status.as_u16(), 412);
    let now = s3.get("/bucket/k", &[]).await;
    assert_eq!(now.text(), "new");
    assert_ne!(now.header("etag"), etag);
}

#[tokio::test]
async fn bodies_keep_to_the_bandwidth() {
    let (s3, data) = Sandbox::start_with_object(200_000).await;
    s3.server.conditions().set_bytes_per_second(Some(400_000));
    let started = Instant::now();
    // Each answer has the bandwidth for itself.
    let (one, other) = tokio::join!(s3.get("/bucket/k", &[]), s3.get("/bucket/k", &[]));
    assert!(one.body == data && other.body == data);
    assert!(started.elapsed() >= Duration::from_millis(490), "{:?}", started.elapsed());
    s3.server.conditions().set_bytes_per_second(None);
    assert!(s3.get("/bucket/k", &[]).await.body == data);
}

#[tokio::test]
async fn the_same_seed_hits_the_same_requests_in_any_order() {
    let s3 = Sandbox::start().await;
    let keys: Vec<String> = (0..40).map(|number| format!("/bucket/key-{number}")).collect();
    let mut runs = Vec::new();
    for (seed, backwards) in [(5, false), (5, true), (6, false)] {
        let plan = S3Faults::new(seed).with(S3Fault::InternalError, 0.3).with(S3Fault::SlowDown, 0.2);
        s3.server.conditions().set_faults(plan);
        let mut order: Vec<usize> = (0..keys.len()).collect();
        if backwards {
            order.reverse();
        }
        let mut statuses = vec![Vec::new(); keys.len()];
        for index in order {
            for _ in 0..3 {
                statuses[index].push(s3.get(&keys[index], &[]).await.status.as_u16());
            }
        }
        runs.push((statuses, s3.server.conditions().injected()));
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(runs[0].0.iter().any(|statuses| statuses.contains(&500) && statuses.contains(&404)), "a retry may succeed");
}

#[tokio::test]
async fn a_client_that_tries_again_gets_through() {
    let (s3, data) = Sandbox::start_with_object(1000).await;
    let store = client(&s3.server)
        .with_retry(RetryConfig {
            backoff: object_store::BackoffConfig {
                init_backoff: Duration::from_millis(1),
                max_backoff: Duration::from_millis(2),
                base: 2.0,
            },
            max_retries: 20,
            ..RetryConfig::default()
        })
        .build()
        .unwrap();
    let scope = S3Scope { operation: Some(S3Operation::Get), ..S3Scope::bucket(BUCKET) };
    let plan = [S3Fault::InternalError, S3Fault::SlowDown, S3Fault::Reset].into_iter();
    let plan = plan.fold(S3Faults::new(3), |plan, class| plan.with_in(class, 0.3, scope.clone()));
    s3.server.conditions().set_faults(plan);
    for _ in 0..10 {
        assert!(store.get(&Path::from("k")).await.unwrap().bytes().await.unwrap() == data);
    }
    store.put(&Path::from("other"), PutPayload::from("data")).await.unwrap();
    let injected = s3.server.conditions().injected();
    assert!(injected.len() == 3 && injected.values().sum::<u64>() > 5, "{injected:?}");
}
