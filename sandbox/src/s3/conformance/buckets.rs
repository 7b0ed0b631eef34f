use super::*;

#[tokio::test]
async fn a_bucket_is_made_once_listed_and_removed_when_empty() {
    let s3 = Sandbox::start().await;
    assert_eq!(s3.put("/second", &[], "").await.status, 200);
    assert_eq!(s3.put("/second", &[], "").await.error(), (409, "BucketAlreadyOwnedByYou"));
    assert_eq!(elements(s3.get("/", &[]).await.text(), "Name"), ["bucket", "second"]);
    assert_eq!(s3.head("/second", &[]).await.header("x-amz-bucket-region"), "us-east-1");

    s3.put("/second/k", &[], "x").await;
    assert_eq!(s3.send(Method::DELETE, "/second", &[], "").await.error(), (409, "BucketNotEmpty"));
    s3.send(Method::DELETE, "/second/k", &[], "").await;
    assert_eq!(s3.send(Method::DELETE, "/second", &[], "").await.status, 204);
    assert_eq!(s3.head("/second", &[]).await.status, 404);
    assert_eq!(s3.send(Method::DELETE, "/second", &[], "").await.error(), (404, "NoSuchBucket"));
    assert_eq!(s3.put("/second/k", &[], "x").await.error(), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn bad_names_are_refused() {
    let s3 = Sandbox::start().await;
    for name in ["Upper", "a", "x..y", "-x-", "under_score"] {
        assert_eq!(s3.put(&format!("/{name}"), &[], "").await.error(), (400, "InvalidBucketName"), "{name}");
    }
    assert!(s3.server.create_bucket("../escape").await.is_err());
}

#[tokio::test]
async fn the_location_is_the_region() {
    let dir = tempfile::tempdir().unwrap();
    let settings =
        S3Settings { region: "eu-west-1".to_owned(), buckets: vec![BUCKET.to_owned()], ..S3Settings::new(dir.path()) };
    let server = S3Server::start(settings).await.unwrap();
    let s3 = Sandbox { store: client(&server).build().unwrap(), server, ..Sandbox::start().await };
    let answer = s3.get("/bucket?location", &[]).await;
    assert!(answer.text().contains("eu-west-1"), "{}", answer.text());
    let none = Sandbox::start().await.get("/bucket?location", &[]).await;
    assert!(!none.text().contains("us-east-1"), "{}", none.text());
    assert_eq!(s3.get("/bucket?versioning", &[]).await.status, 200);
}
