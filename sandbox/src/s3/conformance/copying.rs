use object_store::{ObjectStoreExt, path::Path};

use super::*;

#[tokio::test]
async fn a_copy_has_bytes_and_attributes_of_its_source() {
    let s3 = Sandbox::start().await;
    let data = pattern(2 * MIB + 5);
    s3.put("/bucket/a%20b", &[("content-type", "text/csv"), ("x-amz-meta-m", "1")], data.clone()).await;
    s3.store.copy(&Path::parse("a b").unwrap(), &Path::from("to")).await.unwrap();
    let copy = s3.get("/bucket/to", &[]).await;
    assert!(copy.body == data);
    assert_eq!((copy.header("content-type"), copy.header("x-amz-meta-m")), ("text/csv", "1"));
    assert_eq!(copy.header("etag"), format!("\"{}\"", md5_hex(&data)));
}

#[tokio::test]
async fn a_copy_may_replace_attributes_even_in_place() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/k", &[("content-type", "text/csv")], "x").await;
    let source = ("x-amz-copy-source", "bucket/k");
    assert_eq!(s3.put("/bucket/k", &[source], "").await.error(), (400, "InvalidRequest"));
    let replace = [source, ("x-amz-metadata-directive", "REPLACE"), ("content-type", "text/plain")];
    assert_eq!(s3.put("/bucket/k", &replace, "").await.status, 200);
    assert_eq!(s3.head("/bucket/k", &[]).await.header("content-type"), "text/plain");
}

#[tokio::test]
async fn a_copy_from_another_bucket_under_a_condition() {
    let s3 = Sandbox::start().await;
    s3.server.create_bucket("other").await.unwrap();
    let etag = s3.put("/other/k", &[], "x").await.header("etag").to_owned();
    let source = ("x-amz-copy-source", "/other/k");
    assert_eq!(s3.put("/bucket/k", &[source, ("x-amz-copy-source-if-match", &etag)], "").await.status, 200);
    for condition in [("x-amz-copy-source-if-match", "\"0\""), ("x-amz-copy-source-if-none-match", &etag)] {
        let refused = s3.put("/bucket/k", &[source, condition], "").await;
        assert_eq!(refused.error(), (412, "PreconditionFailed"), "{condition:?}");
    }
}

#[tokio::test]
async fn a_copy_of_nothing_is_404() {
    let s3 = Sandbox::start().await;
    let copy = async |source| s3.put("/bucket/k", &[("x-amz-copy-source", source)], "").await;
    assert_eq!(copy("bucket/none").await.error(), (404, "NoSuchKey"));
    assert_eq!(copy("nobucket/k").await.error(), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn a_copy_unless_it_exists() {
    let s3 = Sandbox::start().await;
    let (from, to) = (Path::from("from"), Path::from("to"));
    s3.store.put(&from, "x".into()).await.unwrap();
    s3.store.copy_if_not_exists(&from, &to).await.unwrap();
    let again = s3.store.copy_if_not_exists(&from, &to).await;
    assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })), "{again:?}");
}

#[tokio::test]
async fn a_rename_moves() {
    let s3 = Sandbox::start().await;
    let (from, to) = (Path::from("from"), Path::from("to"));
    s3.store.put(&from, "x".into()).await.unwrap();
    s3.store.rename(&from, &to).await.unwrap();
    assert!(s3.store.head(&from).await.is_err());
    assert_eq!(s3.store.get(&to).await.unwrap().bytes().await.unwrap(), "x");
}
