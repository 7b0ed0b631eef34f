use std::time::SystemTime;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt, PutOptions, path::Path};
use sha2::{Digest, Sha256};

use super::*;

#[tokio::test]
async fn a_put_answers_with_the_md5_as_etag() {
    let s3 = Sandbox::start().await;
    let data = pattern(3 * MIB);
    let result = s3.store.put(&Path::from("k"), data.clone().into()).await.unwrap();
    assert_eq!(result.e_tag.unwrap(), format!("\"{}\"", md5_hex(&data)));
}

#[tokio::test]
async fn a_put_replaces() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    for text in ["a longer first text", "second"] {
        s3.store.put(&path, text.into()).await.unwrap();
        assert_eq!(s3.store.get(&path).await.unwrap().bytes().await.unwrap(), text);
    }
}

#[tokio::test]
async fn attributes_come_back() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    let attributes = Attributes::from_iter([
        (Attribute::ContentType, "text/csv"),
        (Attribute::ContentEncoding, "gzip"),
        (Attribute::ContentDisposition, "attachment"),
        (Attribute::ContentLanguage, "el"),
        (Attribute::CacheControl, "no-store"),
        (Attribute::Metadata("name".into()), "Ἀράχνη"),
    ]);
    let options = PutOptions { attributes: attributes.clone(), ..Default::default() };
    s3.store.put_opts(&path, "x".into(), options).await.unwrap();
    let read = s3.store.get(&path).await.unwrap().attributes;
    for (name, value) in attributes.iter().filter(|(name, _)| !matches!(name, Attribute::Metadata(_))) {
        assert_eq!(read.get(name), Some(value), "{name:?}");
    }
    // Headers hold ASCII only: other text goes as RFC 2047 words, on S3 too.
    let name = s3.head("/bucket/k", &[]).await.header("x-amz-meta-name").to_owned();
    assert!(name.starts_with("=?UTF-8?"), "{name}");
}

#[tokio::test]
async fn a_wrong_md5_is_refused_and_nothing_is_kept() {
    let s3 = Sandbox::start().await;
    let md5 = |bytes: &[u8]| STANDARD.encode(hex::decode(md5_hex(bytes)).unwrap());
    let refused = s3.put("/bucket/k", &[("content-md5", &md5(b"other"))], "data").await;
    assert_eq!(refused.error(), (400, "BadDigest"));
    let refused = s3.put("/bucket/k", &[("content-md5", "bm90IGFuIG1kNQ==")], "data").await;
    assert_eq!(refused.error(), (400, "InvalidDigest"));
    assert_eq!(s3.head("/bucket/k", &[]).await.status, 404);
    assert_eq!(s3.put("/bucket/k", &[("content-md5", &md5(b"data"))], "data").await.status, 200);
}

#[tokio::test]
async fn checksums_are_checked_and_answered() {
    let s3 = Sandbox::start().await;
    // CRC-32 of "123456789" is cbf43926, the polynomial's published check value.
    let crc32 = STANDARD.encode(0xcbf4_3926_u32.to_be_bytes());
    let stored = s3.put("/bucket/k", &[("x-amz-checksum-crc32", &crc32)], "123456789").await;
    assert_eq!(stored.header("x-amz-checksum-crc32"), crc32);
    let refused = s3.put("/bucket/k", &[("x-amz-checksum-crc32", &crc32)], "123456780").await;
    assert_eq!(refused.error(), (400, "BadDigest"));
    assert_eq!(s3.get("/bucket/k", &[]).await.text(), "123456789");
}

#[tokio::test]
async fn a_chunked_body_is_joined_and_checked_by_its_trailer() {
    let s3 = Sandbox::start().await;
    for (crc32, status) in [(0xcbf4_3926_u32, 200), (0xcbf4_3927, 400)] {
        let crc32 = STANDARD.encode(crc32.to_be_bytes());
        let body = format!("4\r\n1234\r\n5\r\n56789\r\n0\r\nx-amz-checksum-crc32:{crc32}\r\n\r\n");
        let answer = s3.answer(chunked_request(&s3, "/bucket/k", 9, body)).await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let stored = s3.get("/bucket/k", &[]).await;
    assert_eq!(stored.text(), "123456789");
    assert!(stored.headers.get("content-encoding").is_none(), "aws-chunked is no encoding of the object");
}

#[tokio::test]
async fn what_would_be_lost_is_refused() {
    let s3 = Sandbox::start().await;
    let refused = s3.put("/bucket/k", &[("x-amz-tagging", "a=b")], "x").await;
    assert_eq!(refused.error(), (501, "NotImplemented"));
    assert_eq!(s3.put("/bucket/k", &[("x-amz-tagging", "")], "x").await.status, 200);
    assert_eq!(s3.get("/bucket/k?versionId=abc", &[]).await.error(), (501, "NotImplemented"));
}

#[tokio::test]
async fn a_put_into_no_bucket_is_told_so_even_when_large() {
    let s3 = Sandbox::start().await;
    let answer = s3.put("/nobucket/k", &[], pattern(12 * MIB)).await;
    assert_eq!(answer.error(), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn puts_of_one_key_at_once_leave_one_of_them() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    let puts = (0..16u8).map(|fill| s3.store.put(&path, vec![fill; 200_000].into()));
    for put in futures::future::join_all(puts).await {
        put.unwrap();
    }
    let bytes = s3.store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes.len(), 200_000);
    assert!(bytes.iter().all(|byte| *byte == bytes[0]));
    let files = std::fs::read_dir(s3.dir.path().join("s3/buckets/bucket/objects")).unwrap();
    let kept: usize = files.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum();
    assert_eq!(kept, 1, "replaced files are removed");
    let unfinished = std::fs::read_dir(s3.dir.path().join("s3/buckets/bucket/tmp")).unwrap().count();
    assert_eq!(unfinished, 0);
}

/// A put as the AWS SDKs send it over a stream: in chunks, with the checksum in a trailer. `object_store` has no such put.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>
fn chunked_request(s3: &Sandbox, path: &str, decoded_length: usize, body: String) -> HttpRequest {
    let now = SystemTime::now();
    let date = chrono::DateTime::<chrono::Utc>::from(now).format("%Y%m%dT%H%M%SZ").to_string();
    let headers = [
        ("content-encoding", "aws-chunked"),
        ("host", s3.server.url().strip_prefix("http://").unwrap()),
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-date", &date),
        ("x-amz-decoded-content-length", &decoded_length.to_string()),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names = headers.each_ref().map(|(name, _)| *name).join(";");
    let canonical = format!("PUT\n{path}\n\n{lines}\n{names}\nSTREAMING-UNSIGNED-PAYLOAD-TRAILER");

    let S3Settings { access_key, secret_key, region, .. } = s3.server.settings();
    let scope = format!("{}/{region}/s3/aws4_request", &date[..8]);
    let hash = hex::encode(Sha256::digest(canonical));
    let signature = calculate_signature(
        generate_signing_key(secret_key, now, region, "s3"),
        format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}").as_bytes(),
    );
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}");
    let mut headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    headers.push(("authorization", &authorization));
    s3.request(Method::PUT, path, &headers, body)
}
