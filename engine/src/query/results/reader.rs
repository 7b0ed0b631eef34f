//! Reads one result, or a page of it: the footer first, then the batches that are wanted.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, root_as_footer};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};

use super::ROWS_PER_BATCH_KEY;
use crate::error::{Error, ErrorCode, Result};
use crate::query::handle::ResultStream;

/// A first guess at the footer's size.
const TAIL_BYTES: u64 = 64 * 1024;
/// Batches are asked for together up to so many bytes.
const REQUEST_BYTES: u64 = 8 * 1024 * 1024;
/// The footer's length and the magic word behind it.
const TRAILER_BYTES: usize = 10;

/// Which rows are wanted; all by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResultPage {
    /// Rows to leave out.
    pub offset: u64,
    pub limit: Option<u64>,
}

/// An open result.
pub(super) struct ResultFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    schema: SchemaRef,
    decoder: FileDecoder,
    batches: Vec<Batch>,
}

#[derive(Debug, Clone, Copy)]
struct Batch {
    block: Block,
    rows: u64,
}

/// Rows of one batch that are wanted.
#[derive(Debug, Clone)]
struct Piece {
    block: Block,
    rows: Range<u64>,
}

impl ResultFile {
    pub(super) async fn open(store: Arc<dyn ObjectStore>, path: Path) -> Result<Self> {
        let tail = tail(store.as_ref(), &path, TAIL_BYTES).await?;
        let damaged =
            |what: String| Error::new(ErrorCode::InvalidData, format!("the result {path} is damaged: {what}"));
        let trailer = tail.len().checked_sub(TRAILER_BYTES).and_then(|start| tail[start..].try_into().ok());
        let length = read_footer_length(trailer.ok_or_else(|| damaged("it is too short".to_owned()))?)?;
        let tail = match tail.len().checked_sub(TRAILER_BYTES + length) {
            Some(_) => tail,
            None => self::tail(store.as_ref(), &path, (length + TRAILER_BYTES) as u64).await?,
        };
        let footer = tail.len().checked_sub(TRAILER_BYTES + length).map(|start| &tail[start..start + length]);
        let footer = footer.ok_or_else(|| damaged("its footer is cut".to_owned()))?;
        let footer = root_as_footer(footer).map_err(|error| damaged(error.to_string()))?;
        let schema = footer.schema().map(fb_to_schema).ok_or_else(|| damaged("it has no schema".to_owned()))?;
        let schema = Arc::new(schema);
        let blocks: Vec<Block> =
            footer.recordBatches().map(|blocks| blocks.iter().copied().collect()).unwrap_or_default();
        let rows = footer.custom_metadata().into_iter().flatten();
        let rows =
            rows.into_iter().find(|entry| entry.key() == Some(ROWS_PER_BATCH_KEY)).and_then(|entry| entry.value());
        let rows: Vec<u64> = rows.unwrap_or_default().split(',').filter_map(|count| count.parse().ok()).collect();
        if rows.len() != blocks.len() || footer.dictionaries().is_some_and(|dictionaries| !dictionaries.is_empty()) {
            return Err(damaged("its footer does not say where its rows are".to_owned()));
        }
        let batches = blocks.into_iter().zip(rows).map(|(block, rows)| Batch { block, rows }).collect();
        let decoder = FileDecoder::new(Arc::clone(&schema), footer.version());
        Ok(Self { store, path, schema, decoder, batches })
    }

    pub(super) fn stream(self, page: ResultPage) -> Result<ResultStream> {
        let requests = together(pieces(&self.batches, page));
        let schema = Arc::clone(&self.schema);
        let file = Arc::new(self);
        let batches = stream::iter(requests)
            .map(move |pieces| Arc::clone(&file).fetch(pieces))
            .buffered(2)
            .map_ok(|batches| stream::iter(batches.into_iter().map(Ok)))
            .try_flatten();
        Ok(ResultStream::new(schema, batches.boxed()))
    }

    async fn fetch(self: Arc<Self>, pieces: Vec<Piece>) -> Result<Vec<RecordBatch>> {
        let ranges = || pieces.iter().map(|piece| extent(&piece.block));
        let start = ranges().map(|range| range.start).min().unwrap_or(0);
        let end = ranges().map(|range| range.end).max().unwrap_or(0);
        let bytes = Buffer::from(self.store.get_range(&self.path, start..end).await?);
        pieces.into_iter().map(|piece| self.decode(&piece, &bytes, start)).collect()
    }

    fn decode(&self, piece: &Piece, bytes: &Buffer, start: u64) -> Result<RecordBatch> {
        let extent = extent(&piece.block);
        let offset = (extent.start - start) as usize;
        let bytes = bytes.slice_with_length(offset, (extent.end - extent.start) as usize);
        let batch = self.decoder.read_record_batch(&piece.block, &bytes)?;
        let batch = batch.ok_or_else(|| Error::internal("a batch of a result has no rows"))?;
        Ok(batch.slice(piece.rows.start as usize, (piece.rows.end - piece.rows.start) as usize))
    }
}

/// The rows of a page, batch by batch.
fn pieces(batches: &[Batch], page: ResultPage) -> Vec<Piece> {
    let end = page.limit.map_or(u64::MAX, |limit| page.offset.saturating_add(limit));
    let mut first = 0;
    let mut pieces = Vec::new();
    for Batch { block, rows } in batches {
        let (from, to) = (page.offset.max(first), end.min(first + rows));
        if from < to {
            pieces.push(Piece { block: *block, rows: from - first..to - first });
        }
        first += rows;
    }
    pieces
}

/// Pieces that are asked for in one request.
fn together(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut requests: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        let end = extent(&piece.block).end;
        match requests.last_mut() {
            Some(request) if request.first().is_some_and(|first| end - extent(&first.block).start <= REQUEST_BYTES) => {
                request.push(piece);
            }
            _ => requests.push(vec![piece]),
        }
    }
    requests
}

fn extent(block: &Block) -> Range<u64> {
    let start = block.offset() as u64;
    start..start + block.metaDataLength() as u64 + block.bodyLength() as u64
}

async fn tail(store: &dyn ObjectStore, path: &Path, bytes: u64) -> Result<Bytes> {
    let options = GetOptions { range: Some(GetRange::Suffix(bytes)), ..GetOptions::default() };
    Ok(store.get_opts(path, options).await?.bytes().await?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, Int64Array, RecordBatchOptions, StringViewArray};
    use arrow::datatypes::{DataType, Field, Int32Type, Schema};
    use object_store::memory::InMemory;

    use super::super::writer::ResultWriter;
    use super::*;

    #[tokio::test]
    async fn a_result_comes_back_whole_and_in_pages() {
        let (store, path) = (Arc::new(InMemory::new()) as Arc<dyn ObjectStore>, Path::from("results/q.arrow"));
        let batches: Vec<_> = (0..5).map(|index| batch(index * 10..(index + 1) * 10)).collect();
        write(&store, &path, &batches).await;
        for (offset, limit) in [(0, None), (0, Some(3)), (7, Some(6)), (9, Some(1)), (30, Some(1000)), (50, None)] {
            let read = read(&store, &path, ResultPage { offset, limit }).await;
            let end = limit.map_or(50, |limit| (offset + limit).min(50));
            assert_eq!(numbers(&read), (offset as i64..end as i64).collect::<Vec<_>>(), "{offset} {limit:?}");
            assert!(read.iter().all(|batch| batch.column(1).data_type() == &DataType::Utf8));
        }
    }

    #[tokio::test]
    async fn nothing_is_there_before_the_end_and_after_giving_up() {
        let (store, path) = (Arc::new(InMemory::new()) as Arc<dyn ObjectStore>, Path::from("q.arrow"));
        let whole = batch(0..10);
        let mut writer = ResultWriter::try_new(Arc::clone(&store), path.clone(), &whole.schema()).unwrap();
        writer.write(&whole).await.unwrap();
        assert!(store.head(&path).await.is_err());
        writer.abort().await;
        let error = ResultFile::open(Arc::clone(&store), path.clone()).await.err().unwrap();
        assert_eq!(error.code, ErrorCode::NotFound);
    }

    #[tokio::test]
    async fn results_without_rows_or_without_columns_are_results() {
        let (store, path) = (Arc::new(InMemory::new()) as Arc<dyn ObjectStore>, Path::from("q.arrow"));
        write(&store, &path, &[batch(0..0)]).await;
        assert!(read(&store, &path, ResultPage::default()).await.is_empty());
        let options = RecordBatchOptions::new().with_row_count(Some(3));
        let bare = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
        write(&store, &path, &[bare]).await;
        let rows: usize = read(&store, &path, ResultPage::default()).await.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 3);
    }

    #[tokio::test]
    async fn a_cut_file_is_told() {
        let (store, path) = (Arc::new(InMemory::new()) as Arc<dyn ObjectStore>, Path::from("q.arrow"));
        write(&store, &path, &[batch(0..10)]).await;
        let whole = store.get(&path).await.unwrap().bytes().await.unwrap();
        for length in [0, 5, 100, whole.len() - 1] {
            store.put(&path, whole.slice(..length).into()).await.unwrap();
            let error = ResultFile::open(Arc::clone(&store), path.clone()).await.err();
            assert!(error.is_some(), "{length} bytes");
        }
    }

    async fn write(store: &Arc<dyn ObjectStore>, path: &Path, batches: &[RecordBatch]) {
        let mut writer = ResultWriter::try_new(Arc::clone(store), path.clone(), &batches[0].schema()).unwrap();
        for batch in batches {
            writer.write(batch).await.unwrap();
        }
        writer.finish().await.unwrap();
    }

    async fn read(store: &Arc<dyn ObjectStore>, path: &Path, page: ResultPage) -> Vec<RecordBatch> {
        let file = ResultFile::open(Arc::clone(store), path.clone()).await.unwrap();
        file.stream(page).unwrap().try_collect().await.unwrap()
    }

    fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
        let column =
            |batch: &RecordBatch| batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec();
        batches.iter().flat_map(column).collect()
    }

    /// Each batch with a dictionary of its own.
    fn batch(rows: Range<i64>) -> RecordBatch {
        let names: DictionaryArray<Int32Type> = rows.clone().map(|row| ["a", "b"][(row % 2) as usize]).collect();
        let views =
            StringViewArray::from_iter_values(rows.clone().map(|row| format!("a text that is not short {row}")));
        let schema = Schema::new(vec![
            Field::new("n", DataType::Int64, false),
            Field::new("d", names.data_type().clone(), true),
            Field::new("v", DataType::Utf8View, false),
        ]);
        let numbers = Int64Array::from_iter_values(rows);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(names), Arc::new(views)]).unwrap()
    }

    use arrow::array::Array as _;
}
