//! Folders that lie side by side, such as the days of a month, are listed in one go.
//!
//! A LIST costs as much as twelve GETs, and gives a thousand keys. A hundred days of one file each are one page of the folder around
//! them, from the first day to the last.

use std::cmp::Ordering;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

/// Fewer folders are listed one by one, at once.
pub(super) const MANY: usize = 4;
/// Keys that are looked at: two pages. Where the folders are large, or others lie between them, more would take longer than listing
/// each by itself.
const MOST_KEYS: usize = 2_000;

/// The objects of the first of some folders of one parent, in order of key: of all of them when they are small. Those that are left out
/// have to be listed by themselves.
///
/// `folders` are sorted as [`in_key_order`] does. S3 lists in the order of keys (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>).
///
/// # Errors
/// Those of the store: who may read a folder may not always list the one around it.
pub(super) async fn list_together(
    store: &dyn ObjectStore,
    parent: &Path,
    folders: &[Path],
) -> object_store::Result<Vec<Vec<ObjectMeta>>> {
    let Some(first) = folders.first() else { return Ok(Vec::new()) };
    let mut objects = store.list_with_offset((!parent.is_root()).then_some(parent), first);
    let mut found: Vec<Vec<ObjectMeta>> = vec![Vec::new()];
    for _ in 0..MOST_KEYS {
        let Some(object) = objects.try_next().await? else {
            found.resize_with(folders.len(), Vec::new);
            return Ok(found);
        };
        // The folder at hand ends before this key, and perhaps others without objects.
        while place(&object, &folders[found.len() - 1]).is_gt() {
            if found.len() == folders.len() {
                return Ok(found);
            }
            found.push(Vec::new());
        }
        let at = found.len() - 1;
        if place(&object, &folders[at]).is_eq() {
            found[at].push(object);
        }
    }
    // Of the folder at hand there may be more.
    found.pop();
    Ok(found)
}

/// In the order in which their keys are listed: `a-b/` comes before `a/`, though `a` comes before `a-b`.
pub(super) fn in_key_order(folders: &mut [Path]) {
    folders.sort_by_cached_key(|folder| format!("{folder}/"));
}

/// Where an object is listed: before the folder's own, among them, or behind them.
fn place(object: &ObjectMeta, folder: &Path) -> Ordering {
    let (key, folder) = (object.location.as_ref(), folder.as_ref());
    match key.strip_prefix(folder) {
        Some(rest) if rest.starts_with('/') => Ordering::Equal,
        _ => key.bytes().cmp(folder.bytes().chain([b'/'])),
    }
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;

    async fn together(keys: &[String], folders: &[&str]) -> Vec<Vec<String>> {
        let store = InMemory::new();
        for key in keys {
            store.put(&Path::parse(key).unwrap(), "x".into()).await.unwrap();
        }
        let mut folders: Vec<_> = folders.iter().map(|folder| Path::parse(folder).unwrap()).collect();
        in_key_order(&mut folders);
        let found = list_together(&store, &Path::from("t"), &folders).await.unwrap();
        found.into_iter().map(|files| files.into_iter().map(|file| file.location.to_string()).collect()).collect()
    }

    #[tokio::test]
    async fn each_folder_has_its_own_objects() {
        let keys = ["t/0/x", "t/a-b/1", "t/a/1", "t/a/sub/2", "t/a0", "t/aa/1", "t/c/1", "t/d/1", "t/z/1", "u/c/1"];
        let found = together(&keys.map(str::to_owned), &["t/a", "t/a-b", "t/b", "t/c", "t/empty"]).await;
        assert_eq!(found, [vec!["t/a-b/1"], vec!["t/a/1", "t/a/sub/2"], vec![], vec!["t/c/1"], vec![]]);
    }

    #[tokio::test]
    async fn a_folder_that_was_not_seen_to_its_end_is_left_out() {
        let keys: Vec<_> = (0..3).flat_map(|day| (0..900).map(move |file| format!("t/{day}/{file:04}"))).collect();
        let found = together(&keys, &["t/0", "t/1", "t/2"]).await;
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [900, 900]);
        let keys: Vec<_> = (0..2_001).map(|file| format!("t/0/{file:04}")).collect();
        assert!(together(&keys, &["t/0", "t/1"]).await.is_empty());
    }
}
