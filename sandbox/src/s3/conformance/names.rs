use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::*;

const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn target(key: &str) -> String {
    format!("/bucket/{}", utf8_percent_encode(key, URL_ENCODED))
}

#[tokio::test]
async fn odd_names_are_kept_apart_listed_and_restarted() {
    let long = "l".repeat(1024);
    let keys = [
        "a",
        "a/",
        "a//",
        "a/b",
        "a/b/c",
        "A",
        "a b",
        "a+b",
        "a%20b",
        "a%2Bb",
        "day=2024-01-01/x",
        "q?x=1&y=2#z",
        "Ἀράχνη/ü",
        "u\u{308}",
        "ü",
        "🕷",
        "'\"<>&",
        "back\\slash",
        ".hidden",
        "_SUCCESS",
        "tail.",
        "-rf",
        "*",
        "a:b|c",
        "CON",
        "tmp",
        "nul\u{1}x",
        &long,
    ];
    let mut s3 = Sandbox::start().await;
    for (index, key) in keys.iter().enumerate() {
        let answer = s3.put(&target(key), &[], index.to_string()).await;
        assert_eq!(answer.status, 200, "{key:?}: {}", answer.text());
    }
    for restarted in [false, true] {
        for (index, key) in keys.iter().enumerate() {
            let answer = s3.get(&target(key), &[]).await;
            assert_eq!(answer.text(), index.to_string(), "{key:?} restarted: {restarted}");
        }
        let page = s3.get("/bucket?list-type=2&encoding-type=url", &[]).await;
        let listed: Vec<String> = elements(page.text(), "Key")
            .into_iter()
            .map(|key| percent_encoding::percent_decode_str(key).decode_utf8().unwrap().into_owned())
            .collect();
        let mut sorted: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        sorted.sort();
        assert_eq!(listed, sorted);
        s3 = s3.restart().await;
    }
}

#[tokio::test]
async fn odd_names_through_the_client() {
    let s3 = Sandbox::start().await;
    let mut keys = ["t/a b=c/x+y.csv", "t/100%/ü#?.parquet", "t/a&b<c>'\"", "t/k=a%2Fb/1"];
    keys.sort_unstable();
    for key in keys {
        s3.store.put(&Path::parse(key).unwrap(), key.into()).await.unwrap();
    }
    let listed: Vec<_> = s3.store.list(Some(&Path::from("t"))).try_collect().await.unwrap();
    assert_eq!(listed.iter().map(|object| object.location.as_ref()).collect::<Vec<_>>(), keys);
    for object in listed {
        let bytes = s3.store.get(&object.location).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes, object.location.as_ref());
    }
}

#[tokio::test]
async fn a_name_over_1024_bytes_is_refused() {
    let s3 = Sandbox::start().await;
    let answer = s3.put(&target(&"x".repeat(1025)), &[], "x").await;
    assert_eq!(answer.error(), (400, "KeyTooLongError"));
}
