//! Which files a table has.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::catalog::Session;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use futures::FutureExt;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::LakeContext;
use super::at_once::at_once;
use super::known_partitions::Partitions;
use super::partition_folders::{LISTS_AT_ONCE, PartitionFolder, discover};
use super::partition_values::PartitionFilter;
use crate::error::Result;
use crate::storage::StoreUrl;

/// A data file and the values of its partition keys.
#[derive(Debug, Clone)]
pub(super) struct LakeFile {
    pub(super) store: StoreUrl,
    pub(super) object: ObjectMeta,
    pub(super) values: Vec<ScalarValue>,
}

impl LakeFile {
    /// `s3://bucket/key`.
    pub(super) fn name(&self) -> String {
        self.store.object(&self.object.location)
    }
}

/// Where a table's files are found when it is scanned.
#[derive(Debug)]
pub(super) enum FileSourceOf {
    /// Listed when the path was looked at.
    Listed(Vec<LakeFile>),
    /// Everything below a folder.
    Folder { store: StoreUrl, folder: Path },
    /// `key=value` folders below a folder.
    PartitionFolders { store: StoreUrl, folder: Path },
    /// Partitions that the catalog knows, each with its own location.
    CatalogPartitions(Arc<Partitions>),
}

impl FileSourceOf {
    /// The files that partition filters leave. Only what they leave is listed; what is listed is pinned.
    pub(super) async fn files(
        &self,
        context: &Arc<LakeContext>,
        session: &dyn Session,
        keys: &[FieldRef],
        filters: &[Expr],
    ) -> Result<Vec<LakeFile>> {
        let filter = PartitionFilter::new(session, keys, filters)?;
        match self {
            Self::Listed(files) => {
                let values: Vec<_> = files.iter().map(|file| file.values.as_slice()).collect();
                let keep = filter.matches(&values, keys.len())?;
                Ok(files.iter().zip(keep).filter(|(_, keep)| *keep).map(|(file, _)| file.clone()).collect())
            }
            Self::Folder { store, folder } => {
                let keep = filter.matches(&[&[]], 0)?;
                if keep != [true] {
                    return Ok(Vec::new());
                }
                list(context, store, folder, &[]).await
            }
            Self::PartitionFolders { store, folder } => {
                let folders = discover(context, store, folder, keys, &filter).await?;
                list_all(context, folders.into_iter().map(|folder| (store.clone(), folder)).collect()).await
            }
            Self::CatalogPartitions(all) => {
                let keep = filter.matches_of(&all.values, keys.len())?;
                let left =
                    all.folders.iter().zip(keep).filter(|(_, keep)| *keep).map(|(folder, _)| folder.clone()).collect();
                list_all(context, left).await
            }
        }
    }
}

async fn list_all(context: &Arc<LakeContext>, folders: Vec<(StoreUrl, PartitionFolder)>) -> Result<Vec<LakeFile>> {
    look_into_neighbours(context, &folders).await?;
    let jobs =
        folders.iter().map(|(store, folder)| list(context, store, &folder.path, &folder.values).boxed()).collect();
    let files = at_once(LISTS_AT_ONCE, jobs).await?;
    Ok(files.into_iter().flatten().collect())
}

/// Folders that lie side by side are listed together. A local folder has no order, and costs nothing to list.
async fn look_into_neighbours(context: &Arc<LakeContext>, folders: &[(StoreUrl, PartitionFolder)]) -> Result<()> {
    let mut families: BTreeMap<(&StoreUrl, Path), Vec<Path>> = BTreeMap::new();
    for (store, folder) in folders.iter().filter(|(store, _)| store.scheme() != "file") {
        let parent = folder.path.as_ref().rsplit_once('/').map_or("", |(parent, _)| parent);
        if let Ok(parent) = Path::parse(parent) {
            families.entry((store, parent)).or_default().push(folder.path.clone());
        }
    }
    let jobs = families
        .into_iter()
        .map(|((store, parent), folders)| async move { context.look_into(store, &parent, folders).await }.boxed());
    at_once(LISTS_AT_ONCE, jobs.collect()).await?;
    Ok(())
}

/// Lists and pins the data files below a folder.
pub(super) async fn list(
    context: &LakeContext,
    store: &StoreUrl,
    folder: &Path,
    values: &[ScalarValue],
) -> Result<Vec<LakeFile>> {
    let objects = context.files_below(store, folder).await?;
    let pinned = objects.iter().map(|object| {
        context.pins().pin_listed(store, object);
        LakeFile { store: store.clone(), object: object.clone(), values: values.to_vec() }
    });
    Ok(pinned.collect())
}
