use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::*;

async fn put_all(s3: &Sandbox, keys: impl IntoIterator<Item = String>) {
    futures::stream::iter(keys)
        .for_each_concurrent(16, async |key| {
            s3.store.put(&Path::parse(key).unwrap(), "x".into()).await.unwrap();
        })
        .await;
}

#[tokio::test]
async fn more_than_a_page_through_the_client() {
    let s3 = Sandbox::start().await;
    let keys: BTreeSet<String> = (0..2345).map(|index| format!("t/part-{index:05}")).collect();
    put_all(&s3, keys.iter().cloned().chain(["s".to_owned(), "u/x".to_owned()])).await;
    let listed: Vec<_> = s3.store.list(Some(&Path::from("t"))).try_collect().await.unwrap();
    assert!(listed.iter().all(|object| object.size == 1));
    let listed: Vec<String> = listed.into_iter().map(|object| object.location.to_string()).collect();
    assert_eq!(listed, keys.iter().cloned().collect::<Vec<_>>());

    let offset = Path::from("t/part-02340");
    let rest: Vec<_> = s3.store.list_with_offset(Some(&Path::from("t")), &offset).try_collect().await.unwrap();
    assert_eq!(rest.len(), 4);
}

#[tokio::test]
async fn more_than_a_page_of_common_prefixes() {
    let s3 = Sandbox::start().await;
    put_all(&s3, (0..1201).flat_map(|day| (0..2).map(move |part| format!("t/day={day:04}/{part}")))).await;
    put_all(&s3, ["t/_SUCCESS".to_owned()]).await;
    let result = s3.store.list_with_delimiter(Some(&Path::from("t"))).await.unwrap();
    assert_eq!(result.common_prefixes.len(), 1201);
    assert_eq!(result.common_prefixes[1200].as_ref(), "t/day=1200");
    assert_eq!(result.objects.len(), 1);
}

#[tokio::test]
async fn pages_by_token() {
    let s3 = Sandbox::start().await;
    put_all(&s3, ["a", "b/1", "b/2", "c", "d/1"].map(str::to_owned)).await;
    let mut target = "/bucket?list-type=2&delimiter=%2F&max-keys=1".to_owned();
    let (mut names, mut pages) = (Vec::new(), 0);
    loop {
        let page = s3.get(&target, &[]).await;
        assert_eq!(page.element("KeyCount"), "1");
        names.extend(elements(page.text(), "Key").into_iter().map(str::to_owned));
        names.extend(
            elements(page.text(), "CommonPrefixes").into_iter().map(|prefix| elements(prefix, "Prefix")[0].to_owned()),
        );
        pages += 1;
        if page.element("IsTruncated") == "false" {
            break;
        }
        let token = page.element("NextContinuationToken");
        target = format!("/bucket?list-type=2&delimiter=%2F&max-keys=1&continuation-token={token}");
    }
    assert_eq!(names, ["a", "b/", "c", "d/"]);
    assert_eq!(pages, 4);
}

#[tokio::test]
async fn start_after_and_max_keys() {
    let s3 = Sandbox::start().await;
    put_all(&s3, ["a", "b", "c"].map(str::to_owned)).await;
    let page = s3.get("/bucket?list-type=2&start-after=a&max-keys=1", &[]).await;
    assert_eq!(elements(page.text(), "Key"), ["b"]);
    assert_eq!(page.element("IsTruncated"), "true");
    let page = s3.get("/bucket?list-type=2&max-keys=0", &[]).await;
    assert!(elements(page.text(), "Key").is_empty());
    assert_eq!(page.element("IsTruncated"), "false");
    let page = s3.get("/bucket?list-type=2&max-keys=5000", &[]).await;
    assert_eq!(page.element("MaxKeys"), "1000");
    let refused = s3.get("/bucket?list-type=2&continuation-token=%21", &[]).await;
    assert_eq!(refused.error(), (400, "InvalidArgument"));
}

#[tokio::test]
async fn names_in_url_encoding() {
    let s3 = Sandbox::start().await;
    put_all(&s3, ["a b/c=1+2%&ü/x".to_owned()]).await;
    let page = s3.get("/bucket?list-type=2&encoding-type=url&prefix=a%20b%2F&delimiter=%2F", &[]).await;
    assert_eq!(elements(page.element("CommonPrefixes"), "Prefix"), ["a%20b/c%3D1%2B2%25%26%C3%BC/"]);
    assert_eq!(elements(page.text(), "Prefix")[0], "a%20b/");
    assert_eq!(page.element("EncodingType"), "url");
}

#[tokio::test]
async fn an_entry_says_what_the_head_says() {
    let s3 = Sandbox::start().await;
    let path = Path::from("t/k");
    s3.store.put(&path, "data".into()).await.unwrap();
    let listed: Vec<_> = s3.store.list(None).try_collect().await.unwrap();
    assert_eq!(listed, [s3.store.head(&path).await.unwrap()]);
}

#[tokio::test]
async fn version_one_of_the_listing() {
    let s3 = Sandbox::start().await;
    put_all(&s3, ["a", "b/1", "b/2", "c"].map(str::to_owned)).await;
    let page = s3.get("/bucket?delimiter=%2F&max-keys=2", &[]).await;
    assert_eq!(elements(page.text(), "Key"), ["a"]);
    assert_eq!(page.element("NextMarker"), "b/");
    let page = s3.get("/bucket?delimiter=%2F&marker=b%2F", &[]).await;
    assert_eq!(elements(page.text(), "Key"), ["c"]);
    assert_eq!(page.element("IsTruncated"), "false");
}

#[tokio::test]
async fn no_bucket_and_no_match() {
    let s3 = Sandbox::start().await;
    assert_eq!(s3.get("/nobucket?list-type=2", &[]).await.error(), (404, "NoSuchBucket"));
    let page = s3.get("/bucket?list-type=2&prefix=none", &[]).await;
    assert_eq!((page.status.as_u16(), page.element("KeyCount")), (200, "0"));
}
