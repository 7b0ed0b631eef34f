use std::time::Duration;

use object_store::signer::Signer;
use object_store::{Error, ObjectStoreExt, path::Path};

use super::*;

#[tokio::test]
async fn a_wrong_key_is_403() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    for (id, secret, code) in [
        ("nobody", s3.server.settings().secret_key.as_str(), "InvalidAccessKeyId"),
        (s3.server.settings().access_key.as_str(), "wrong", "SignatureDoesNotMatch"),
    ] {
        let store = client(&s3.server).with_access_key_id(id).with_secret_access_key(secret).build().unwrap();
        let error = store.get(&path).await.unwrap_err();
        assert!(matches!(error, Error::PermissionDenied { .. }), "{error:?}");
        assert!(format!("{error:?}").contains(code), "{error:?}");
        let error = store.put(&path, "x".into()).await.unwrap_err();
        assert!(matches!(error, Error::PermissionDenied { .. }), "{error:?}");
    }
    assert_eq!(s3.head("/bucket/k", &[]).await.status, 404, "nothing was stored");
}

#[tokio::test]
async fn no_signature_is_403() {
    let s3 = Sandbox::start().await;
    let answer = s3.answer(s3.request(Method::GET, "/bucket/k", &[], "")).await;
    assert_eq!(answer.error(), (403, "AccessDenied"));
}

#[tokio::test]
async fn a_body_other_than_the_signed_one_is_refused() {
    let s3 = Sandbox::start().await;
    let mut request = s3.signed(Method::PUT, "/bucket/k", &[], "signed");
    *request.body_mut() = HttpRequestBody::from(Bytes::from("forged"));
    assert_eq!(s3.answer(request).await.status, 400);
    assert_eq!(s3.head("/bucket/k", &[]).await.status, 404);
}

#[tokio::test]
async fn a_denied_bucket_is_403_and_the_others_are_not() {
    let s3 = Sandbox::start().await;
    s3.server.create_bucket("closed").await.unwrap();
    s3.put("/closed/k", &[], "x").await;
    s3.server.conditions().deny_bucket("closed");
    assert_eq!(s3.get("/closed/k", &[]).await.error(), (403, "AccessDenied"));
    assert_eq!(s3.get("/closed?list-type=2", &[]).await.error(), (403, "AccessDenied"));
    assert_eq!(s3.put("/bucket/k", &[("x-amz-copy-source", "closed/k")], "").await.error(), (403, "AccessDenied"));
    assert_eq!(s3.get("/bucket?list-type=2", &[]).await.status, 200);
    s3.server.conditions().allow_bucket("closed");
    assert_eq!(s3.get("/closed/k", &[]).await.text(), "x");
}

#[tokio::test]
async fn a_presigned_url_needs_no_header() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/a%20b", &[], "x").await;
    let path = Path::parse("a b").unwrap();
    let url = s3.store.signed_url(Method::GET, &path, Duration::from_secs(60)).await.unwrap();
    let target = url.as_str().strip_prefix(&s3.server.url()).unwrap();
    let answer = s3.answer(s3.request(Method::GET, target, &[], "")).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "x"));
    let forged = target.replace("a%20b", "other");
    let answer = s3.answer(s3.request(Method::GET, &forged, &[], "")).await;
    assert_eq!(answer.error(), (403, "SignatureDoesNotMatch"));
}
