use std::fs;

use super::*;

#[tokio::test]
async fn buckets_and_objects_survive_a_restart() {
    let s3 = Sandbox::start().await;
    s3.put("/empty-bucket", &[], "").await;
    s3.put("/bucket/k", &[("content-type", "text/csv"), ("x-amz-meta-m", "1")], "old").await;
    s3.put("/bucket/k", &[("content-type", "text/csv"), ("x-amz-meta-m", "2")], "new").await;
    s3.put("/bucket/gone", &[], "x").await;
    s3.send(Method::DELETE, "/bucket/gone", &[], "").await;
    let before = s3.get("/bucket/k", &[]).await;
    let s3 = s3.restart().await;
    let after = s3.get("/bucket/k", &[]).await;
    assert_eq!(after.text(), "new");
    for name in ["etag", "last-modified", "content-type", "x-amz-meta-m"] {
        assert_eq!(after.header(name), before.header(name));
    }
    assert_eq!(s3.head("/bucket/gone", &[]).await.status, 404);
    assert_eq!(elements(s3.get("/", &[]).await.text(), "Name"), ["bucket", "empty-bucket"]);
    // A put after the restart wins over what was there before it, also after another.
    s3.put("/bucket/k", &[], "newer").await;
    assert_eq!(s3.restart().await.get("/bucket/k", &[]).await.text(), "newer");
}

#[tokio::test]
async fn what_was_cut_short_is_not_served() {
    let s3 = Sandbox::start().await;
    s3.put("/bucket/whole", &[], "x").await;
    s3.put("/bucket/cut", &[], "data that is cut").await;
    let objects = s3.dir.path().join("s3/buckets/bucket/objects");
    for shard in fs::read_dir(&objects).unwrap() {
        for entry in fs::read_dir(shard.unwrap().path()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            if bytes.starts_with(b"data") {
                fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
            }
        }
    }
    fs::write(s3.dir.path().join("s3/buckets/bucket/tmp/unfinished"), "x").unwrap();
    let s3 = s3.restart().await;
    assert_eq!(s3.get("/bucket/whole", &[]).await.text(), "x");
    assert_eq!(s3.get("/bucket/cut", &[]).await.error(), (404, "NoSuchKey"));
    assert_eq!(fs::read_dir(s3.dir.path().join("s3/buckets/bucket/tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn two_servers_do_not_share_a_directory() {
    let s3 = Sandbox::start().await;
    let error = S3Server::start(s3.server.settings().clone()).await.err().unwrap().to_string();
    assert!(error.contains("another server uses this directory"), "{error}");
}
