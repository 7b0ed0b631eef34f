use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, UpdateVersion, path::Path};

use super::*;

#[tokio::test]
async fn reads_by_etag() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    let etag = s3.store.put(&path, "x".into()).await.unwrap().e_tag;
    let other = Some("\"00000000000000000000000000000000\"".to_owned());
    let read = async |if_match: &Option<String>, if_none_match: &Option<String>| {
        let options =
            GetOptions { if_match: if_match.clone(), if_none_match: if_none_match.clone(), ..Default::default() };
        s3.store.get_opts(&path, options).await
    };
    assert!(read(&etag, &None).await.is_ok());
    assert!(matches!(read(&other, &None).await, Err(Error::Precondition { .. })));
    assert!(matches!(read(&None, &etag).await, Err(Error::NotModified { .. })));
    assert!(read(&None, &other).await.is_ok());
}

#[tokio::test]
async fn reads_by_date() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    s3.store.put(&path, "x".into()).await.unwrap();
    let modified = s3.store.head(&path).await.unwrap().last_modified;
    let earlier = modified - std::time::Duration::from_secs(1);
    let since = |date| GetOptions { if_modified_since: Some(date), ..Default::default() };
    let unless = |date| GetOptions { if_unmodified_since: Some(date), ..Default::default() };
    assert!(matches!(s3.store.get_opts(&path, since(modified)).await, Err(Error::NotModified { .. })));
    assert!(s3.store.get_opts(&path, since(earlier)).await.is_ok());
    assert!(s3.store.get_opts(&path, unless(modified)).await.is_ok());
    assert!(matches!(s3.store.get_opts(&path, unless(earlier)).await, Err(Error::Precondition { .. })));
}

#[tokio::test]
async fn a_304_has_validators_and_no_body() {
    let s3 = Sandbox::start().await;
    let etag = s3.put("/bucket/k", &[], "x").await.header("etag").to_owned();
    let answer = s3.get("/bucket/k", &[("if-none-match", &etag)]).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0));
    assert_eq!(answer.header("etag"), etag);
    answer.header("last-modified");
    // The connection is still usable.
    assert_eq!(s3.get("/bucket/k", &[]).await.text(), "x");
}

#[tokio::test]
async fn a_412_has_its_code() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/k", &[], "x").await;
    let answer = s3.get("/bucket/k", &[("if-match", "\"0\"")]).await;
    assert_eq!(answer.error(), (412, "PreconditionFailed"));
    assert_eq!(s3.head("/bucket/k", &[("if-match", "\"0\"")]).await.status, 412);
}

#[tokio::test]
async fn a_create_happens_once() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    let creates = (0..8u8).map(|fill| s3.store.put_opts(&path, vec![fill; 1000].into(), PutMode::Create.into()));
    let results = futures::future::join_all(creates).await;
    let created: Vec<usize> = (0..results.len()).filter(|index| results[*index].is_ok()).collect();
    assert_eq!(created.len(), 1);
    assert!(
        results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .all(|error| matches!(error, Error::AlreadyExists { .. }))
    );
    let bytes = s3.store.get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(usize::from(bytes[0]), created[0]);
}

#[tokio::test]
async fn an_update_needs_the_current_etag() {
    let s3 = Sandbox::start().await;
    let path = Path::from("k");
    let update = |e_tag: Option<String>| PutMode::Update(UpdateVersion { e_tag, version: None }).into();
    let first = s3.store.put(&path, "1".into()).await.unwrap().e_tag;
    s3.store.put_opts(&path, "2".into(), update(first.clone())).await.unwrap();
    let late = s3.store.put_opts(&path, "3".into(), update(first)).await;
    assert!(matches!(late, Err(Error::Precondition { .. })), "{late:?}");
    assert_eq!(s3.store.get(&path).await.unwrap().bytes().await.unwrap(), "2");
    let missing = s3.put("/bucket/none", &[("if-match", "\"0\"")], "x").await;
    assert_eq!(missing.error(), (404, "NoSuchKey"));
}
