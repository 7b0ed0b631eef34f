use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, path::Path};

use super::*;

#[tokio::test]
async fn a_get_gives_bytes_length_etag_type_and_date() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/k", &[("content-type", "text/csv"), ("x-amz-meta-origin", "loom")], "a,b\n").await;
    for answer in [s3.get("/bucket/k", &[]).await, s3.head("/bucket/k", &[]).await] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-length"), "4");
        assert_eq!(answer.header("content-type"), "text/csv");
        assert_eq!(answer.header("x-amz-meta-origin"), "loom");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("etag"), format!("\"{}\"", md5_hex(b"a,b\n")));
        assert!(answer.header("last-modified").ends_with(" GMT"));
    }
    assert_eq!(s3.get("/bucket/k", &[]).await.text(), "a,b\n");
    assert!(s3.head("/bucket/k", &[]).await.body.is_empty());
}

#[tokio::test]
async fn ranges_of_every_form() {
    let s3 = Sandbox::start().await;
    // Larger than a chunk of the server, so that both ways of reading a file are taken.
    let data = pattern(3 * MIB + 17);
    s3.store.put(&Path::from("k"), data.clone().into()).await.unwrap();
    let size = data.len();
    for (range, expected) in [
        ("bytes=0-0".to_owned(), 0..1),
        ("bytes=5-9".to_owned(), 5..10),
        ("bytes=100-1500000".to_owned(), 100..1_500_001),
        (format!("bytes={}-", size - 3), size - 3..size),
        ("bytes=0-".to_owned(), 0..size),
        (format!("bytes=7-{}", 10 * size), 7..size),
        ("bytes=-10".to_owned(), size - 10..size),
        (format!("bytes=-{}", 10 * size), 0..size),
    ] {
        let answer = s3.get("/bucket/k", &[("range", &range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        let described = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
        assert_eq!(answer.header("content-range"), described, "{range}");
        assert_eq!(answer.header("content-length"), expected.len().to_string(), "{range}");
        assert_eq!(answer.body, data[expected], "{range}");
    }
}

#[tokio::test]
async fn a_suffix_longer_than_the_object_is_the_whole_object() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    s3.store.put(&path, "0123456789".into()).await.unwrap();
    let options = GetOptions { range: Some(GetRange::Suffix(64 * 1024)), ..Default::default() };
    let result = s3.store.get_opts(&path, options).await.unwrap();
    assert_eq!(result.range, 0..10);
    assert_eq!(result.bytes().await.unwrap(), "0123456789");
}

#[tokio::test]
async fn a_range_past_the_end_is_416() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/k", &[], "0123456789").await;
    s3.put("/bucket/empty", &[], "").await;
    for (target, range) in [
        ("/bucket/k", "bytes=10-"),
        ("/bucket/k", "bytes=10-20"),
        ("/bucket/k", "bytes=-0"),
        ("/bucket/empty", "bytes=0-"),
        ("/bucket/empty", "bytes=-5"),
    ] {
        let answer = s3.get(target, &[("range", range)]).await;
        assert_eq!(answer.error(), (416, "InvalidRange"), "{target} {range}");
    }
    assert_eq!(s3.get("/bucket/k", &[("range", "bytes=10-")]).await.header("content-range"), "bytes */10");
}

#[tokio::test]
async fn a_head_with_a_range_tells_what_the_get_would_send() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/k", &[], "0123456789").await;
    let answer = s3.head("/bucket/k", &[("range", "bytes=2-4")]).await;
    assert_eq!(answer.header("content-range"), "bytes 2-4/10");
    assert_eq!(answer.header("content-length"), "3");
}

#[tokio::test]
async fn an_empty_object() {
    let s3 = Sandbox::start().await;
    let path = Path::from("empty");
    s3.store.put(&path, "".into()).await.unwrap();
    assert_eq!(s3.store.head(&path).await.unwrap().size, 0);
    assert!(s3.store.get(&path).await.unwrap().bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_large_object_comes_back_whole() {
    let s3 = Sandbox::start().await;
    let (path, data) = (Path::from("large"), pattern(20 * MIB + 3));
    s3.store.put(&path, data.clone().into()).await.unwrap();
    assert!(s3.store.get(&path).await.unwrap().bytes().await.unwrap() == data);
}

#[tokio::test]
async fn what_is_missing_is_404() {
    let s3 = Sandbox::start().await;
    assert_eq!(s3.get("/bucket/none", &[]).await.error(), (404, "NoSuchKey"));
    assert_eq!(s3.get("/nobucket/k", &[]).await.error(), (404, "NoSuchBucket"));
    for target in ["/bucket/none", "/nobucket/k", "/nobucket"] {
        let answer = s3.head(target, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (404, 0), "{target}");
    }
    assert!(matches!(s3.store.head(&Path::from("none")).await, Err(object_store::Error::NotFound { .. })));
}

#[tokio::test]
async fn response_headers_can_be_overridden() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/k", &[], "x").await;
    let answer = s3.get("/bucket/k?response-content-type=text%2Fplain", &[]).await;
    assert_eq!(answer.header("content-type"), "text/plain");
}

#[tokio::test]
async fn a_read_during_replacement_sees_one_object_whole() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    let versions: Vec<Bytes> = (0..4u8).map(|fill| Bytes::from(vec![fill; MIB + usize::from(fill)])).collect();
    s3.store.put(&path, versions[0].clone().into()).await.unwrap();
    let writes = async {
        for round in 0..40 {
            s3.store.put(&path, versions[round % 4].clone().into()).await.unwrap();
        }
    };
    let reads = async {
        for _ in 0..40 {
            let result = s3.store.get(&path).await.unwrap();
            let (etag, size) = (result.meta.e_tag.clone().unwrap(), result.meta.size);
            let bytes = result.bytes().await.unwrap();
            assert_eq!(bytes.len() as u64, size);
            assert_eq!(etag, format!("\"{}\"", md5_hex(&bytes)));
        }
    };
    tokio::join!(writes, reads);
}
