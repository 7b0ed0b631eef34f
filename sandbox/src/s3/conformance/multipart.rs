use object_store::multipart::MultipartStore;
use object_store::{ObjectStoreExt, path::Path};

use super::*;

const PART: usize = 5 * MIB;

async fn begin(s3: &Sandbox, key: &str) -> String {
    let answer = s3.send(Method::POST, &format!("/bucket/{key}?uploads"), &[], "").await;
    assert_eq!(answer.element("Key"), key);
    answer.element("UploadId").to_owned()
}

async fn put_part(s3: &Sandbox, key: &str, upload: &str, number: usize, data: impl Into<Bytes>) -> String {
    let answer = s3.put(&format!("/bucket/{key}?partNumber={number}&uploadId={upload}"), &[], data).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("etag").to_owned()
}

async fn complete(s3: &Sandbox, key: &str, upload: &str, parts: &[(usize, &str)], headers: &[(&str, &str)]) -> Answer {
    let parts: String = parts
        .iter()
        .map(|(number, etag)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"))
        .collect();
    let xml = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    s3.send(Method::POST, &format!("/bucket/{key}?uploadId={upload}"), headers, xml).await
}

#[tokio::test]
async fn parts_become_one_object_with_an_etag_of_etags() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    let data = pattern(2 * PART + 1000);
    let mut upload = s3.store.put_multipart(&path).await.unwrap();
    for part in [data.slice(..PART), data.slice(PART..2 * PART), data.slice(2 * PART..)] {
        upload.put_part(part.into()).await.unwrap();
    }
    assert!(matches!(s3.store.head(&path).await, Err(object_store::Error::NotFound { .. })), "not visible yet");
    let result = upload.complete().await.unwrap();

    let md5s: Vec<u8> = data.chunks(PART).flat_map(|part| hex::decode(md5_hex(part)).unwrap()).collect();
    let etag = format!("\"{}-3\"", md5_hex(&md5s));
    assert_eq!(result.e_tag, Some(etag.clone()));
    let got = s3.store.get(&path).await.unwrap();
    assert_eq!(got.meta.e_tag, Some(etag));
    assert!(got.bytes().await.unwrap() == data);
}

#[tokio::test]
async fn parts_come_in_any_order_and_again() {
    let s3 = Sandbox::start().await;
    let upload = begin(&s3, "k").await;
    let last = put_part(&s3, "k", &upload, 7, "end").await;
    put_part(&s3, "k", &upload, 2, vec![1; PART]).await;
    let first = put_part(&s3, "k", &upload, 2, vec![2; PART]).await;
    put_part(&s3, "k", &upload, 5, "not wanted").await;
    assert_eq!(complete(&s3, "k", &upload, &[(2, &first), (7, &last)], &[]).await.status, 200);
    let bytes = s3.get("/bucket/k", &[]).await.body;
    assert_eq!((bytes.len(), bytes[0], &bytes[PART..]), (PART + 3, 2, &b"end"[..]));
    // The upload is over.
    assert_eq!(complete(&s3, "k", &upload, &[(2, &first)], &[]).await.error(), (404, "NoSuchUpload"));
}

#[tokio::test]
async fn a_completion_is_checked() {
    let s3 = Sandbox::start().await;
    let upload = begin(&s3, "k").await;
    let one = put_part(&s3, "k", &upload, 1, "small").await;
    let two = put_part(&s3, "k", &upload, 2, "small too").await;
    for (parts, expected) in [
        (vec![(1, one.as_str()), (2, two.as_str())], (400, "EntityTooSmall")),
        (vec![(2, two.as_str()), (1, one.as_str())], (400, "InvalidPartOrder")),
        (vec![(1, two.as_str())], (400, "InvalidPart")),
        (vec![(3, one.as_str())], (400, "InvalidPart")),
        (vec![], (400, "MalformedXML")),
    ] {
        assert_eq!(complete(&s3, "k", &upload, &parts, &[]).await.error(), expected, "{parts:?}");
    }
    assert_eq!(complete(&s3, "other", &upload, &[(1, &one)], &[]).await.error(), (404, "NoSuchUpload"));
    // None of that ended the upload.
    assert_eq!(complete(&s3, "k", &upload, &[(2, &two)], &[]).await.status, 200);
    assert_eq!(s3.get("/bucket/k", &[]).await.text(), "small too");
}

#[tokio::test]
async fn a_completion_may_be_conditional() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/k", &[], "first").await;
    let upload = begin(&s3, "k").await;
    let part = put_part(&s3, "k", &upload, 1, "second").await;
    let refused = complete(&s3, "k", &upload, &[(1, &part)], &[("if-none-match", "*")]).await;
    assert_eq!(refused.error(), (412, "PreconditionFailed"));
    assert_eq!(s3.get("/bucket/k", &[]).await.text(), "first");
}

#[tokio::test]
async fn an_abort_leaves_nothing() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    let upload = s3.store.create_multipart(&path).await.unwrap();
    s3.store.put_part(&path, &upload, 0, "x".into()).await.unwrap();
    s3.store.abort_multipart(&path, &upload).await.unwrap();
    assert_eq!(std::fs::read_dir(s3.dir.path().join("s3/buckets/bucket/uploads")).unwrap().count(), 0);
    let late = s3.put(&format!("/bucket/k?partNumber=1&uploadId={upload}"), &[], "x").await;
    assert_eq!(late.error(), (404, "NoSuchUpload"));
}

#[tokio::test]
async fn uploads_and_parts_are_listed_by_page() {
    let s3 = Sandbox::start().await;
    let upload = begin(&s3, "b").await;
    begin(&s3, "a").await;
    for number in 1..=3 {
        put_part(&s3, "b", &upload, number, vec![0; number]).await;
    }
    let page = s3.get(&format!("/bucket/b?uploadId={upload}&max-parts=2"), &[]).await;
    assert_eq!(elements(page.text(), "PartNumber"), ["1", "2"]);
    assert_eq!(elements(page.text(), "Size"), ["1", "2"]);
    assert_eq!((page.element("IsTruncated"), page.element("NextPartNumberMarker")), ("true", "2"));
    let page = s3.get(&format!("/bucket/b?uploadId={upload}&part-number-marker=2"), &[]).await;
    assert_eq!(elements(page.text(), "PartNumber"), ["3"]);

    let page = s3.get("/bucket?uploads&max-uploads=1", &[]).await;
    assert_eq!((elements(page.text(), "Key"), page.element("IsTruncated")), (vec!["a"], "true"));
    let page = s3.get("/bucket?uploads&key-marker=a", &[]).await;
    assert_eq!((elements(page.text(), "Key"), page.element("UploadId")), (vec!["b"], upload.as_str()));
}

#[tokio::test]
async fn a_part_may_be_copied() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/source", &[], "0123456789").await;
    let upload = begin(&s3, "k").await;
    let source = [("x-amz-copy-source", "/bucket/source"), ("x-amz-copy-source-range", "bytes=2-4")];
    let copied = s3.put(&format!("/bucket/k?partNumber=1&uploadId={upload}"), &source, "").await;
    let etag = copied.element("ETag").replace("&quot;", "\"");
    assert_eq!(complete(&s3, "k", &upload, &[(1, &etag)], &[]).await.status, 200);
    assert_eq!(s3.get("/bucket/k", &[]).await.text(), "234");
}

#[tokio::test]
async fn an_upload_survives_a_restart() {
    let s3 = Sandbox::start().await;
    let upload = begin(&s3, "k").await;
    let part = put_part(&s3, "k", &upload, 1, "data").await;
    let s3 = s3.restart().await;
    assert_eq!(complete(&s3, "k", &upload, &[(1, &part)], &[]).await.status, 200);
    assert_eq!(s3.get("/bucket/k", &[]).await.text(), "data");
}

#[tokio::test]
async fn an_upload_id_is_no_path() {
    let s3 = Sandbox::start().await;
    for id in ["..%2F..", "x", ""] {
        let answer = s3.put(&format!("/bucket/k?partNumber=1&uploadId={id}"), &[], "x").await;
        assert_eq!(answer.error(), (404, "NoSuchUpload"), "{id}");
    }
}
