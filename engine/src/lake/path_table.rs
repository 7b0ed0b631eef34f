//! A path as a table: what lies there says what it is.

use std::sync::{Arc, Weak};

use arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::datasource::physical_plan::parquet::transform_binary_to_string;
use futures::FutureExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::LakeContext;
use super::at_once::at_once;
use super::catalog_table::without_keys;
use super::listing::files_below;
use super::location::{Location, Place};
use super::merge::SchemaMerger;
use super::parquet_files::footers;
use super::partition_folders::{LISTS_AT_ONCE, infer, keys_of_files, pairs_below};
use super::partition_values::parse_value;
use super::path_format::PathFormat;
use super::source::{FileSourceOf, LakeFile, list};
use super::table::{LakeTable, TableFormat};
use crate::error::{Error, ErrorCode, Result};
use crate::formats::{self, TextFormat, TextOptions};

/// Footers that are read to infer columns. Of more files, so many are taken, evenly spread; a file outside the sample may lack
/// columns, widen nothing, and is checked when it is scanned.
const FOOTERS: usize = 1000;

impl LakeTable {
    /// From a location: a folder, an object, a pattern. Looks at each location once per query.
    ///
    /// Columns are those of all files together (see `FOOTERS`), in lower case; folders of the form `key=value` become columns
    /// behind them. A folder of partitions is looked into but not listed as a whole: a scan lists what its filters leave.
    /// Fails with `NotFound` where nothing lies there.
    pub async fn from_path(context: Arc<LakeContext>, text: &str) -> Result<Arc<Self>> {
        // Held over the look, so that the second mention of a path waits for the first.
        let mut paths = context.paths().lock().await;
        if let Some(known) = paths.get(text).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let table = Arc::new(look(&context, text).await?);
        paths.insert(text.to_owned(), Arc::downgrade(&table));
        Ok(table)
    }
}

async fn look(context: &Arc<LakeContext>, text: &str) -> Result<LakeTable> {
    let location = Location::parse(text)?;
    if let Some(guard) = context.guard() {
        guard.check_path(&location)?;
    }
    let found = find(context, &location).await?;
    if found.files.is_empty() {
        return Err(nothing_found(&location));
    }
    let shown = location.to_string();
    let kind = PathFormat::of_all(&shown, found.files.iter().map(|file| &file.object.location))?;
    let (format, schema) = match kind {
        PathFormat::Parquet => (TableFormat::Parquet, parquet_schema(context, &found.files).await?),
        PathFormat::Text => text_schema(context, &found.files).await?,
    };
    let schema = Arc::new(without_keys(&schema, &found.keys));
    let source = found.source.unwrap_or(FileSourceOf::Listed(found.files));
    LakeTable::new(Arc::clone(context), shown, format, schema, found.keys, source)
}

/// Files to take columns from, and where a scan finds its own; `None` when they are the same.
struct Found {
    files: Vec<LakeFile>,
    keys: Vec<FieldRef>,
    source: Option<FileSourceOf>,
}

async fn find(context: &Arc<LakeContext>, location: &Location) -> Result<Found> {
    match &location.place {
        Place::Folder(folder) => find_below(context, location, folder).await,
        Place::Glob { folder, pattern } => {
            let store = context.store(&location.store)?;
            let objects = files_below(store.as_ref(), folder, |path| pattern.is_match(path.as_ref())).await?;
            with_keys(context, location, folder, objects)
        }
        Place::ObjectOrFolder(path) => {
            let named_as_file = PathFormat::of(path).is_some();
            if !named_as_file {
                let found = find_below(context, location, path).await?;
                if !found.files.is_empty() {
                    return Ok(found);
                }
            }
            let store = context.store(&location.store)?;
            match store.head(path).await {
                // A local folder answers as if it were a file.
                Ok(object) if object.location == *path && !is_local_folder(location, path) => {
                    if object.size == 0 {
                        let name = location.store.object(path);
                        return Err(Error::new(ErrorCode::InvalidData, format!("{name} is empty")));
                    }
                    let none = Path::default();
                    let found = with_keys(context, location, &none, vec![object])?;
                    // The folders above a file that is named in full are part of its name, not columns.
                    Ok(Found { keys: Vec::new(), files: without_values(found.files), source: None })
                }
                Ok(_) => find_below(context, location, path).await,
                Err(object_store::Error::NotFound { .. }) if named_as_file => find_below(context, location, path).await,
                Err(object_store::Error::NotFound { .. }) => Err(nothing_found(location)),
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn is_local_folder(location: &Location, path: &Path) -> bool {
    location.store.scheme() == "file" && std::path::Path::new(&format!("/{path}")).is_dir()
}

async fn find_below(context: &Arc<LakeContext>, location: &Location, folder: &Path) -> Result<Found> {
    let inferred = infer(context, &location.store, folder, &location.to_string()).await?;
    let jobs = inferred.sample.iter().map(|folder| list(context, &location.store, folder, &[]).boxed()).collect();
    let listed = at_once(LISTS_AT_ONCE, jobs).await?;
    let files: Vec<_> = listed.into_iter().flatten().collect();
    let source = (!inferred.keys.is_empty())
        .then(|| FileSourceOf::PartitionFolders { store: location.store.clone(), folder: folder.clone() });
    tracing::debug!(
        files = files.len(),
        keys = inferred.keys.len(),
        complete = inferred.complete,
        "looked at {location}"
    );
    Ok(Found { files, keys: inferred.keys, source })
}

/// Files that were found one by one; the folders between the pattern's start and the file give partition values.
fn with_keys(context: &LakeContext, location: &Location, root: &Path, objects: Vec<ObjectMeta>) -> Result<Found> {
    let pairs: Vec<_> = objects.iter().map(|object| pairs_below(root, &object.location)).collect();
    let keys = keys_of_files(&pairs);
    let files = objects.into_iter().zip(pairs).map(|(object, pairs)| {
        context.pins().pin_listed(&location.store, &object);
        let values = keys.iter().zip(&pairs).map(|(key, (_, value))| parse_value(value, key)).collect::<Result<_>>()?;
        Ok(LakeFile { store: location.store.clone(), object, values })
    });
    Ok(Found { files: files.collect::<Result<_>>()?, keys, source: None })
}

fn without_values(files: Vec<LakeFile>) -> Vec<LakeFile> {
    files.into_iter().map(|file| LakeFile { values: Vec::new(), ..file }).collect()
}

async fn parquet_schema(context: &Arc<LakeContext>, files: &[LakeFile]) -> Result<SchemaRef> {
    let sample: Vec<LakeFile> = spread(files, FOOTERS);
    let mut merger = SchemaMerger::default();
    for (file, footer) in sample.iter().zip(footers(context, &sample).await?) {
        merger.add(&file.name(), &footer.contents.schema)?;
    }
    let schema = merger.finish();
    Ok(if context.parquet().global.binary_as_string { Arc::new(transform_binary_to_string(&schema)) } else { schema })
}

async fn text_schema(context: &LakeContext, files: &[LakeFile]) -> Result<(TableFormat, SchemaRef)> {
    let first = &files[0];
    let store = context.store(&first.store)?;
    let objects: Vec<_> = files.iter().map(|file| file.object.clone()).collect();
    let options = TextOptions::for_path(first.object.location.as_ref());
    let inferred = formats::infer(&options, &store, &objects).await?;
    Ok((TableFormat::Text(Arc::new(TextFormat::new(inferred.options))), inferred.schema))
}

fn spread(files: &[LakeFile], count: usize) -> Vec<LakeFile> {
    if files.len() <= count {
        return files.to_vec();
    }
    (0..count).map(|nth| files[nth * (files.len() - 1) / (count - 1)].clone()).collect()
}

fn nothing_found(location: &Location) -> Error {
    let what = match &location.place {
        Place::Folder(_) => "there are no files below",
        Place::ObjectOrFolder(_) => "there is no object, and no files in a folder, at",
        Place::Glob { .. } => "no file matches",
    };
    Error::new(ErrorCode::NotFound, format!("{what} {location}"))
        .with_hint("names that start with _ or ., and empty objects, are passed over")
}
