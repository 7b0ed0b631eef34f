//! Partitions that are known by their folders alone (`year=2024/month=01/`), found level by level.

use std::sync::Arc;

use arachne_catalog::hive_path;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use futures::FutureExt;
use object_store::path::Path;

use super::LakeContext;
use super::at_once::at_once;
use super::partition_values::{PartitionFilter, guess_type, parse_value};
use crate::error::{Error, ErrorCode, Result};
use crate::storage::StoreUrl;

/// Folders that are listed at once.
pub(super) const LISTS_AT_ONCE: usize = 32;
/// Folders of one level that are looked into while keys and columns are inferred. When there are more, the first and the last
/// half are taken; a value in between that does not fit the type guessed is an error when it is read, never a wrong answer.
const SAMPLE: usize = 64;

/// A folder whose keys are all known.
#[derive(Debug, Clone)]
pub(super) struct PartitionFolder {
    pub(super) path: Path,
    pub(super) values: Vec<ScalarValue>,
}

/// Finds the partitions below `root` that may match. A folder that is ruled out by the keys known so far is not listed.
///
/// Folders that are not of the form `key=value` with the next key, and files above the last level, are not part of the table,
/// as in Hive.
pub(super) async fn discover(
    context: &LakeContext,
    store: &StoreUrl,
    root: &Path,
    keys: &[FieldRef],
    filter: &PartitionFilter,
) -> Result<Vec<PartitionFolder>> {
    let mut level = vec![PartitionFolder { path: root.clone(), values: Vec::new() }];
    for (depth, key) in keys.iter().enumerate() {
        let jobs = level.iter().map(|parent| children_with(context, store, parent, key).boxed()).collect();
        let children = at_once(LISTS_AT_ONCE, jobs).await?;
        let children: Vec<_> = children.into_iter().flatten().collect();
        let values: Vec<_> = children.iter().map(|child| child.values.as_slice()).collect();
        let keep = filter.matches(&values, depth + 1)?;
        level = children.into_iter().zip(keep).filter_map(|(child, keep)| keep.then_some(child)).collect();
    }
    Ok(level)
}

async fn children_with(
    context: &LakeContext,
    store: &StoreUrl,
    parent: &PartitionFolder,
    key: &FieldRef,
) -> Result<Vec<PartitionFolder>> {
    let children = context.children_of(store, &parent.path).await?;
    children.folders.iter().filter_map(|path| child(parent, path, key).transpose()).collect()
}

fn child(parent: &PartitionFolder, path: &Path, key: &FieldRef) -> Result<Option<PartitionFolder>> {
    let Some((name, value)) = path.filename().and_then(key_and_value) else { return Ok(None) };
    if !name.eq_ignore_ascii_case(key.name()) {
        return Ok(None);
    }
    let mut values = parent.values.clone();
    values.push(parse_value(&value, key)?);
    Ok(Some(PartitionFolder { path: path.clone(), values }))
}

fn key_and_value(folder: &str) -> Option<(String, String)> {
    hive_path::parse(folder).pop().filter(|(key, _)| !key.is_empty())
}

/// What the folders below a path show.
pub(super) struct Inferred {
    /// Empty when the path is not partitioned.
    pub(super) keys: Vec<FieldRef>,
    /// Some of the innermost folders, or the root itself: where to look for files to infer columns from.
    pub(super) sample: Vec<Path>,
    /// Whether `sample` is every innermost folder.
    pub(super) complete: bool,
}

/// Infers partition keys from folders. A level counts as partitioned when every folder in it is `key=value` with one key; a
/// level that mixes such folders with files or other folders is an error, since either reading would leave data out.
pub(super) async fn infer(context: &LakeContext, store: &StoreUrl, root: &Path, shown: &str) -> Result<Inferred> {
    let mut inferred = Inferred { keys: Vec::new(), sample: vec![root.clone()], complete: true };
    loop {
        let jobs = inferred.sample.iter().map(|folder| context.children_of(store, folder).boxed()).collect();
        let level = at_once(LISTS_AT_ONCE, jobs).await?;
        let files = level.iter().map(|children| children.files.len()).sum::<usize>();
        let folders: Vec<Path> = level.iter().flat_map(|children| children.folders.iter().cloned()).collect();
        let pairs: Vec<_> = folders.iter().filter_map(|path| key_and_value(path.filename()?)).collect();
        let Some((key, _)) = pairs.first().cloned() else { return Ok(inferred) };
        let same_key = pairs.iter().all(|(other, _)| other.eq_ignore_ascii_case(&key));
        if files > 0 || pairs.len() < folders.len() || !same_key {
            return Err(mixed(shown, &inferred, &key));
        }
        let name = key.to_lowercase();
        if inferred.keys.iter().any(|known| *known.name() == name) {
            return Err(Error::new(
                ErrorCode::InvalidData,
                format!("{shown} has the partition key {name} twice in one path"),
            ));
        }
        let data_type = guess_type(pairs.iter().map(|(_, value)| value.as_str()));
        inferred.keys.push(Arc::new(Field::new(name, data_type, true)));
        inferred.complete &= folders.len() <= SAMPLE;
        inferred.sample = sample(folders);
    }
}

fn sample(mut folders: Vec<Path>) -> Vec<Path> {
    if folders.len() > SAMPLE {
        let tail = folders.split_off(folders.len() - SAMPLE / 2);
        folders.truncate(SAMPLE / 2);
        folders.extend(tail);
    }
    folders
}

fn mixed(shown: &str, inferred: &Inferred, key: &str) -> Error {
    let below = inferred.keys.iter().map(|key| format!("{}=.../", key.name())).collect::<String>();
    Error::new(
        ErrorCode::InvalidData,
        format!("{shown}{below} mixes partition folders ({key}=...) with files or other folders on one level"),
    )
    .with_hint("name one of the folders, or a pattern such as '**/*.parquet' that says which files are meant")
}

/// The keys and values in the folders of a file below a root, for files that a pattern found.
pub(super) fn pairs_below(root: &Path, file: &Path) -> Vec<(String, String)> {
    let below = file.as_ref().strip_prefix(root.as_ref()).unwrap_or(file.as_ref());
    let folder = below.rsplit_once('/').map_or("", |(folder, _)| folder);
    hive_path::parse(folder).into_iter().map(|(key, value)| (key.to_lowercase(), value)).collect()
}

/// The keys of files that a pattern found: those that all files have, in one order; else none.
pub(super) fn keys_of_files(all: &[Vec<(String, String)>]) -> Vec<FieldRef> {
    let Some(first) = all.first() else { return Vec::new() };
    let names: Vec<&str> = first.iter().map(|(key, _)| key.as_str()).collect();
    let same = all.iter().all(|pairs| pairs.iter().map(|(key, _)| key.as_str()).eq(names.iter().copied()));
    if !same {
        return Vec::new();
    }
    let field = |(index, name): (usize, &&str)| {
        let data_type: DataType = guess_type(all.iter().map(|pairs| pairs[index].1.as_str()));
        Arc::new(Field::new(*name, data_type, true))
    };
    names.iter().enumerate().map(field).collect()
}
