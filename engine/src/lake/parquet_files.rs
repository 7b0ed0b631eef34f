//! What the footers of Parquet files say.

use std::sync::Arc;

use arrow::datatypes::TimeUnit;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::DataFusionError;
use futures::FutureExt;
use parquet::file::metadata::ParquetMetaData;

use super::LakeContext;
use super::at_once::at_once;
use super::known_footers::FooterContents;
use super::source::LakeFile;
use crate::error::{Error, ErrorCode, Result};

/// Below this size a file's footer is small, and a long guess would read most of the file.
const SMALL_FILE: u64 = 32 * 1024 * 1024;
const SMALL_FOOTER: usize = 64 * 1024;
/// A file of at most so many bytes is read whole, once: a second request takes longer than the bytes that nobody needs.
const READ_WHOLE: u64 = 256 * 1024;
/// As many requests as a process makes at once by default: each is small and waits for storage.
const FOOTERS_AT_ONCE: usize = 64;

/// A file's footer, and what it says in terms of Arrow.
pub(super) struct Footer {
    pub(super) metadata: Arc<ParquetMetaData>,
    pub(super) contents: Arc<FooterContents>,
}

impl Footer {
    /// Bytes from the end of a file of so many bytes that hold what stands behind its data: page indexes and the footer itself.
    /// One read of so many is enough for whoever opens the file next, and not more than is needed.
    pub(super) fn tail_bytes(&self, file_bytes: u64) -> Option<usize> {
        let chunks = self.metadata.row_groups().iter().flat_map(|group| group.columns());
        let data_end = chunks.map(|chunk| chunk.byte_range()).map(|(start, length)| start + length).max()?;
        usize::try_from(file_bytes.checked_sub(data_end)?).ok()
    }
}

/// Bytes from a file's end that most likely hold its footer.
pub(super) fn footer_guess(context: &LakeContext, file: &LakeFile) -> Option<usize> {
    let guess = context.parquet().global.metadata_size_hint?;
    Some(match file.object.size {
        // What is read is kept, and the data is then there when it is asked for. Of local files nothing is kept.
        size @ ..=READ_WHOLE if file.store.scheme() != "file" => size as usize,
        ..SMALL_FILE => guess.min(SMALL_FOOTER),
        _ => guess,
    })
}

/// The footers of files, in their order, several at once and through the shared cache.
///
/// A file that is not Parquet, or is cut short, is `InvalidData` and named.
pub(super) async fn footers(context: &Arc<LakeContext>, files: &[LakeFile]) -> Result<Vec<Footer>> {
    let jobs = files.iter().map(|file| footer(context, file).boxed()).collect();
    at_once(FOOTERS_AT_ONCE, jobs).await
}

async fn footer(context: &LakeContext, file: &LakeFile) -> Result<Footer> {
    if file.object.size < 12 {
        return Err(not_parquet(file, "it is shorter than the shortest Parquet file"));
    }
    let store = context.store(&file.store)?;
    let reader = DFParquetMetadata::new(store.as_ref(), &file.object)
        .with_metadata_size_hint(footer_guess(context, file))
        .with_file_metadata_cache(Some(context.runtime().cache_manager.get_file_metadata_cache()))
        .with_coerce_int96(Some(TimeUnit::Microsecond));
    let named = |error: DataFusionError| in_file(file, error);
    let metadata = reader.fetch_metadata().await.map_err(named)?;
    let name = (file.store.clone(), file.object.location.clone());
    if let Some(contents) = context.known().footers.get(&name, &metadata) {
        return Ok(Footer { metadata, contents });
    }
    let schema = reader.fetch_schema().await.map_err(named)?;
    let contents = Arc::new(FooterContents::try_new(&metadata, Arc::new(schema))?);
    context.known().footers.put(name, &metadata, &contents);
    Ok(Footer { metadata, contents })
}

/// Names the file, unless storage itself failed: its error says what it was about.
fn in_file(file: &LakeFile, error: DataFusionError) -> Error {
    let DataFusionError::ParquetError(parquet) = &error else { return error.into() };
    match parquet.as_ref() {
        parquet::errors::ParquetError::External(_) => error.into(),
        other => not_parquet(file, &other.to_string()),
    }
}

fn not_parquet(file: &LakeFile, why: &str) -> Error {
    Error::new(ErrorCode::InvalidData, format!("{} is not a complete Parquet file: {why}", file.name()))
        .with_hint("remove or rewrite the file; names that start with _ or . are passed over")
}
