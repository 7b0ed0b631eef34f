use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::*;

#[tokio::test]
async fn a_delete_removes_and_may_be_repeated() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/k", &[], "x").await;
    for _ in 0..2 {
        let answer = s3.send(Method::DELETE, "/bucket/k", &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0));
        assert_eq!(s3.head("/bucket/k", &[]).await.status, 404);
    }
}

#[tokio::test]
async fn a_delete_frees_the_disk() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/k", &[], "x").await;
    s3.send(Method::DELETE, "/bucket/k", &[], "").await;
    let shards = std::fs::read_dir(s3.dir.path().join("s3/buckets/bucket/objects")).unwrap();
    let files: usize = shards.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum();
    assert_eq!(files, 0);
}

#[tokio::test]
async fn many_at_once_through_the_client() {
    let s3 = Sandbox::start().await;
    let paths: Vec<Path> = (0..1500).map(|index| Path::from(format!("t/{index} &<é>"))).collect();
    futures::stream::iter(&paths)
        .for_each_concurrent(16, async |path| {
            s3.store.put(path, "x".into()).await.unwrap();
        })
        .await;
    s3.put("/bucket/stays", &[], "x").await;
    let deleted: Vec<Path> =
        s3.store.delete_stream(futures::stream::iter(paths.clone()).map(Ok).boxed()).try_collect().await.unwrap();
    assert_eq!(deleted.len(), paths.len());
    let left: Vec<_> = s3.store.list(None).try_collect().await.unwrap();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn quiet_and_missing() {
    let s3 = Sandbox::start().await;
    let delete = async |quiet: &str| {
        let xml = format!("<Delete>{quiet}<Object><Key>none</Key></Object></Delete>");
        s3.send(Method::POST, "/bucket?delete", &[], xml).await
    };
    assert_eq!(delete("").await.element("Key"), "none");
    assert!(elements(delete("<Quiet>true</Quiet>").await.text(), "Key").is_empty());
}

#[tokio::test]
async fn a_bad_document_is_refused() {
    let s3 = Sandbox::start().await;
    let refused = s3.send(Method::POST, "/bucket?delete", &[], "<Delete").await;
    assert_eq!(refused.error(), (400, "MalformedXML"));
}
