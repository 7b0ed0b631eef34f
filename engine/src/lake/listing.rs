//! Data files below a folder; markers and hidden files are not data.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::{FutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tokio::sync::OnceCell;

use super::at_once::at_once;
use super::side_by_side::{MANY, in_key_order, list_together};
use crate::error::Result;
use crate::storage::StoreUrl;

/// A folder with more objects is looked at folder by folder, if its folders are large.
const LISTED_IN_ONE_GO: usize = 4_000;
/// So many objects in a folder make up for the request that begins its listing.
const LARGE_FOLDER: usize = 500;
/// Folders that are listed at once.
const FOLDERS_AT_ONCE: usize = 32;

/// Every data file below a folder, at any depth, in order of key. Listed page by page; what is kept is one entry per file.
///
/// A listing is a chain of pages of a thousand objects, each of which names the next: a million objects take a thousand requests in a
/// row. Where a folder turns out to be large, and to have large folders in it, these are listed side by side.
pub(super) async fn files_below(
    store: &dyn ObjectStore,
    folder: &Path,
    wanted: impl Fn(&Path) -> bool + Sync,
) -> Result<Vec<ObjectMeta>> {
    let keep = |object: &ObjectMeta| is_data(folder, object) && wanted(&object.location);
    let mut files = match list(store, folder, &keep, Some(LISTED_IN_ONE_GO)).await? {
        Listed::All(files) => files,
        Listed::TooLong => {
            let found = store.list_with_delimiter((!folder.is_root()).then_some(folder)).await?;
            let folders = &found.common_prefixes;
            let jobs = folders.iter().map(|folder| all_below(store, folder, &keep).boxed()).collect();
            let below = at_once(FOLDERS_AT_ONCE, jobs).await?;
            found.objects.into_iter().filter(&keep).chain(below.into_iter().flatten()).collect()
        }
    };
    files.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(files)
}

async fn all_below(
    store: &dyn ObjectStore,
    folder: &Path,
    keep: &(dyn Fn(&ObjectMeta) -> bool + Sync),
) -> Result<Vec<ObjectMeta>> {
    match list(store, folder, keep, None).await? {
        Listed::All(files) => Ok(files),
        Listed::TooLong => Ok(Vec::new()),
    }
}

enum Listed {
    All(Vec<ObjectMeta>),
    /// More than the limit, most of them in large folders.
    TooLong,
}

async fn list(
    store: &dyn ObjectStore,
    folder: &Path,
    keep: &(dyn Fn(&ObjectMeta) -> bool + Sync),
    limit: Option<usize>,
) -> Result<Listed> {
    let mut objects = store.list((!folder.is_root()).then_some(folder));
    let mut files = Vec::new();
    let mut folders = HashSet::new();
    let mut seen = 0;
    while let Some(object) = objects.try_next().await? {
        seen += 1;
        if limit.is_some_and(|limit| seen <= limit)
            && let Some(child) = child_folder(folder, &object.location)
        {
            folders.insert(child.to_owned());
        }
        if keep(&object) {
            files.push(object);
        }
        if limit.is_some_and(|limit| seen == limit + 1) && !folders.is_empty() && seen / folders.len() >= LARGE_FOLDER {
            return Ok(Listed::TooLong);
        }
    }
    Ok(Listed::All(files))
}

/// The name of the folder in `folder` that an object lies in.
fn child_folder<'a>(folder: &Path, object: &'a Path) -> Option<&'a str> {
    let below = object.as_ref().strip_prefix(folder.as_ref()).unwrap_or(object.as_ref());
    below.trim_start_matches('/').split_once('/').map(|(child, _)| child)
}

/// What lies directly in a folder: its data files, and its folders that are not hidden.
#[derive(Debug, Default)]
pub(super) struct Children {
    pub(super) files: Vec<ObjectMeta>,
    pub(super) folders: Vec<Path>,
}

pub(super) async fn children_of(store: &dyn ObjectStore, folder: &Path) -> Result<Children> {
    let prefix = (!folder.is_root()).then_some(folder);
    let found = store.list_with_delimiter(prefix).await?;
    let mut files: Vec<_> = found.objects.into_iter().filter(|object| is_data(folder, object)).collect();
    files.sort_by(|a, b| a.location.cmp(&b.location));
    let mut folders: Vec<_> =
        found.common_prefixes.into_iter().filter(|path| !path.filename().is_some_and(is_hidden)).collect();
    folders.sort();
    Ok(Children { files, folders })
}

/// The listings of one query: a folder that is looked at twice shows the same files, and is asked for once.
#[derive(Debug, Default)]
pub(super) struct Listings {
    children: Shelf<Children>,
    below: Shelf<Vec<ObjectMeta>>,
}

impl Listings {
    pub(super) async fn children(
        &self,
        store: &StoreUrl,
        client: &dyn ObjectStore,
        folder: &Path,
    ) -> Result<Arc<Children>> {
        self.children.get(store, folder, children_of(client, folder)).await
    }

    pub(super) async fn files_below(
        &self,
        store: &StoreUrl,
        client: &dyn ObjectStore,
        folder: &Path,
    ) -> Result<Arc<Vec<ObjectMeta>>> {
        let listed = async {
            let innermost = self.children.known(store, folder).filter(|children| children.folders.is_empty());
            match innermost {
                Some(children) => Ok(children.files.clone()),
                None => files_below(client, folder, |_| true).await,
            }
        };
        self.below.get(store, folder, listed).await
    }

    /// Lists folders of one parent in one go as far as that is cheaper than one by one. Where it cannot be done, nothing is lost: each
    /// folder is listed when it is asked for.
    pub(super) async fn together(&self, store: &StoreUrl, client: &dyn ObjectStore, parent: &Path, folders: Vec<Path>) {
        let is_new = |folder: &Path| {
            let children = self.children.known(store, folder);
            self.below.known(store, folder).is_none() && !children.is_some_and(|children| children.folders.is_empty())
        };
        let mut folders: Vec<_> = folders.into_iter().filter(is_new).collect();
        if folders.len() < MANY {
            return;
        }
        in_key_order(&mut folders);
        match list_together(client, parent, &folders).await {
            Ok(found) => {
                for (folder, mut files) in folders.iter().zip(found) {
                    files.retain(|object| is_data(folder, object));
                    self.below.put(store, folder, files);
                }
            }
            Err(error) => tracing::debug!(%error, %parent, "folders are listed one by one"),
        }
    }
}

/// What was found in folders. Who asks while it is being looked for waits for the same answer.
#[derive(Debug)]
struct Shelf<T>(Mutex<HashMap<(StoreUrl, Path), Found<T>>>);

type Found<T> = Arc<OnceCell<Arc<T>>>;

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Shelf<T> {
    fn known(&self, store: &StoreUrl, folder: &Path) -> Option<Arc<T>> {
        self.place(store, folder).get().cloned()
    }

    /// Looks with `find` if nobody has; after an error the next one looks again.
    async fn get(&self, store: &StoreUrl, folder: &Path, find: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        self.place(store, folder).get_or_try_init(|| async { find.await.map(Arc::new) }).await.cloned()
    }

    /// What is there already stays.
    fn put(&self, store: &StoreUrl, folder: &Path, found: T) {
        let _ = self.place(store, folder).set(Arc::new(found));
    }

    fn place(&self, store: &StoreUrl, folder: &Path) -> Found<T> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(places.entry((store.clone(), folder.clone())).or_default())
    }
}

/// Not a marker: not hidden below `folder`, and not empty. An empty object is what consoles and Hadoop leave for a folder,
/// and holds no row in any format.
fn is_data(folder: &Path, object: &ObjectMeta) -> bool {
    let below = object.location.as_ref().strip_prefix(folder.as_ref()).unwrap_or(object.location.as_ref());
    object.size > 0 && !below.split('/').any(is_hidden)
}

/// `_SUCCESS`, `_temporary`, `.crc`, `x_$folder$`; but a partition folder may start with an underscore.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || (name.starts_with('_') && !name.contains('=')) || name.ends_with("_$folder$")
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::{ObjectStoreExt, PutPayload};

    use super::*;

    #[tokio::test]
    async fn markers_and_hidden_files_are_passed_over() {
        let store = InMemory::new();
        let keys = [
            "_hidden/t/a.parquet",
            "_hidden/t/sub/b c%20.parquet",
            "_hidden/t/_p=1/c.parquet",
            "_hidden/t/_SUCCESS",
            "_hidden/t/_temporary/0/x.parquet",
            "_hidden/t/.a.parquet.crc",
            "_hidden/t/sub_$folder$",
            "_hidden/tt/other.parquet",
        ];
        for key in keys {
            store.put(&Path::parse(key).unwrap(), "x".into()).await.unwrap();
        }
        store.put(&Path::parse("_hidden/t/empty").unwrap(), PutPayload::new()).await.unwrap();
        let folder = Path::parse("_hidden/t").unwrap();
        let files = files_below(&store, &folder, |_| true).await.unwrap();
        let names: Vec<_> = files.iter().map(|file| file.location.as_ref()).collect();
        assert_eq!(names, ["_hidden/t/_p=1/c.parquet", "_hidden/t/a.parquet", "_hidden/t/sub/b c%20.parquet"]);

        let Children { files, folders } = children_of(&store, &folder).await.unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(folders.iter().map(|path| path.filename().unwrap()).collect::<Vec<_>>(), ["_p=1", "sub"]);
    }

    #[tokio::test]
    async fn a_large_folder_shows_the_same_files_whichever_way_it_is_listed() {
        let store = InMemory::new();
        for folder in 0..3 {
            for file in 0..2_000 {
                let key = format!("t/p={folder}/sub/{file:04}.parquet");
                store.put(&Path::parse(key).unwrap(), "x".into()).await.unwrap();
            }
        }
        for key in ["t/direct.parquet", "t/_SUCCESS", "t/_temporary/0/x.parquet", "tt/other.parquet"] {
            store.put(&Path::parse(key).unwrap(), "x".into()).await.unwrap();
        }
        let folder = Path::parse("t").unwrap();
        let keep = |object: &ObjectMeta| is_data(&folder, object);
        assert!(matches!(list(&store, &folder, &keep, Some(LISTED_IN_ONE_GO)).await.unwrap(), Listed::TooLong));
        let files = files_below(&store, &folder, |_| true).await.unwrap();
        assert_eq!(files.len(), 6_001);
        let mut in_one_go = all_below(&store, &folder, &keep).await.unwrap();
        in_one_go.sort_by(|a, b| a.location.cmp(&b.location));
        assert_eq!(files, in_one_go);
        let odd = files_below(&store, &folder, |path| path.as_ref().ends_with("1.parquet")).await.unwrap();
        assert_eq!(odd.len(), 600);
    }
}
