use std::time::{Duration, Instant};

use super::*;

#[tokio::test]
async fn a_request_is_logged_with_what_it_asked_and_what_was_sent() {
    let s3 = Sandbox::start().await;
    let data = pattern(2 * MIB);
    s3.put("/bucket/a%20b", &[], data.clone()).await;
    s3.server.request_log().clear();
    s3.get("/bucket/a%20b", &[("range", "bytes=0-1048575")]).await;
    s3.get("/bucket?list-type=2&prefix=a%20", &[]).await;
    s3.head("/bucket/none", &[]).await;
    s3.put("/bucket/k", &[], "12345").await;

    let log = s3.server.request_log().snapshot();
    let facts: Vec<_> = log
        .iter()
        .map(|r| (r.method.as_str(), r.operation.as_deref(), r.key.as_deref(), r.range.as_deref(), r.status))
        .collect();
    assert_eq!(
        facts,
        [
            ("GET", Some("GetObject"), Some("a b"), Some("bytes=0-1048575"), 206),
            ("GET", Some("ListObjectsV2"), None, None, 200),
            ("HEAD", Some("HeadObject"), Some("none"), None, 404),
            ("PUT", Some("PutObject"), Some("k"), None, 200),
        ]
    );
    assert!(log.iter().all(|record| record.complete && record.bucket.as_deref() == Some(BUCKET)));
    assert_eq!((log[0].request_bytes, log[0].response_bytes), (0, MIB as u64));
    assert_eq!(log[1].prefix.as_deref(), Some("a "));
    assert_eq!((log[2].response_bytes, log[3].request_bytes), (0, 5));
}

#[tokio::test]
async fn a_refused_request_is_logged_too() {
    let s3 = Sandbox::start().await;
    s3.answer(s3.request(Method::GET, "/bucket/k", &[], "")).await;
    let log = s3.server.request_log().snapshot();
    assert_eq!((log.len(), log[0].status, log[0].key.as_deref()), (1, 403, Some("k")));
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_counted_as_far_as_it_went() {
    let s3 = Sandbox::start().await;
    let data = pattern(64 * MIB);
    s3.put("/bucket/k", &[], data).await;
    s3.server.request_log().clear();
    let request = s3.signed(Method::GET, "/bucket/k", &[], "");
    drop(s3.http.execute(request).await.unwrap());
    while s3.server.request_log().snapshot().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let log = s3.server.request_log().snapshot();
    assert!(!log[0].complete);
    assert!(log[0].response_bytes < 64 * MIB as u64, "{:?}", log[0]);
}

#[tokio::test]
async fn latency_is_waited_for() {
    let s3 = Sandbox::start().await;
    let latency = Duration::from_millis(30);
    s3.server.conditions().set_latency(latency);
    let started = Instant::now();
    s3.head("/bucket/k", &[]).await;
    assert!(started.elapsed() >= latency);
}

#[tokio::test]
async fn a_shutdown_lets_an_answer_end() {
    let s3 = Sandbox::start().await;
    // More than sockets buffer: the answer cannot be over when its head is there.
    let data = pattern(64 * MIB);
    s3.put("/bucket/k", &[], data.clone()).await;
    let answer = s3.http.execute(s3.signed(Method::GET, "/bucket/k", &[], "")).await.unwrap();
    let (url, http) = (s3.server.url(), s3.http.clone());
    let (body, ()) = tokio::join!(answer.into_body().bytes(), s3.server.shutdown());
    assert!(body.unwrap() == data);
    let after = http::Request::builder().uri(url).body(HttpRequestBody::empty()).unwrap();
    assert!(http.execute(after).await.is_err(), "nobody listens any more");
}
