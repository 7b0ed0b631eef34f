//! One file, or one byte range of it, as a stream of batches.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_plan::metrics::Count;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectStore;

use super::chunks::{ChunkSizes, Object};
use super::header::{Header, read_header};
use super::problem::{Problem, RowProblem};
use super::rows::{Rows, Step, Target, Tolerated};
use super::split::{Start, count_line_feeds, lines};

/// Bytes that are parsed together. They are gone through more than once: a processor's own cache has to hold them, and their marks.
const PIECE: usize = 128 * 1024;

/// Opens text files for a scan.
pub(super) struct TextOpener {
    pub(super) store: Arc<dyn ObjectStore>,
    /// `s3://bucket/`.
    pub(super) store_url: String,
    pub(super) target: Target,
    pub(super) counters: Counters,
}

/// What `EXPLAIN ANALYZE` shows of rows and values that were not taken as they are.
#[derive(Clone)]
pub(super) struct Counters {
    pub(super) rows_ignored: Count,
    pub(super) values_nulled: Count,
}

impl FileOpener for TextOpener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let object = Object {
            store: Arc::clone(&self.store),
            name: format!("{}{}", self.store_url, file.object_meta.location),
            location: file.object_meta.location,
            size: file.object_meta.size,
        };
        // A negative offset cannot come from a planner: it is taken as the beginning.
        let range = file.range.map(|range| (range.start.try_into().unwrap_or(0), range.end.try_into().unwrap_or(0)));
        let (start, end) = range.unwrap_or((0, object.size));
        Ok(open(object, self.target.clone(), self.counters.clone(), start, end).boxed())
    }
}

async fn open(
    object: Object,
    target: Target,
    counters: Counters,
    start: u64,
    end: u64,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let options = Arc::clone(&target.options);
    let path = object.location.as_ref();
    let whole = start == 0 && end >= object.size;
    let nothing = object.size == 0 || start >= end || (start > 0 && !options.is_splittable(path));
    if nothing {
        return Ok(stream::empty().boxed());
    }
    let reading =
        Reading { object: object.clone(), first_byte: FirstByte::OfObject, options: Arc::clone(&options), counters };
    let from_start = |input| batches(reading.clone(), Rows::new(target.clone(), None), input);
    if let Some(codec) = options.compression.of(path) {
        return Ok(from_start(codec.decode(object.name.clone(), object.chunks(0..object.size, ChunkSizes::SCAN))));
    }
    if whole || !options.is_splittable(path) {
        return Ok(from_start(object.chunks(0..object.size, ChunkSizes::SCAN)));
    }
    if start == 0 {
        return Ok(from_start(lines(&object, Start::At(0), end)));
    }
    let header = if options.header_lines > 0 { peek_header(&reading).await? } else { Header::default() };
    let rows_start = header.bytes as u64;
    let (first_line, first_byte) = if rows_start >= start {
        (Start::At(rows_start), FirstByte::At(rows_start))
    } else {
        (Start::AtOrAfter(start), FirstByte::LineAtOrAfter(start))
    };
    let input = lines(&object, first_line, end);
    let rows = Rows::new(target.clone(), Some(&header));
    Ok(batches(Reading { first_byte, ..reading }, rows, input))
}

/// Reads the header of a file of which only a later part is scanned.
async fn peek_header(reading: &Reading) -> Result<Header> {
    let object = &reading.object;
    let mut chunks = object.chunks(0..object.size, ChunkSizes::PEEK);
    let mut buffer = Vec::new();
    loop {
        let chunk = chunks.next().await.transpose()?;
        buffer.extend_from_slice(chunk.as_deref().unwrap_or_default());
        match read_header(&reading.options, &buffer, chunk.is_none()) {
            Ok(Some(header)) => return Ok(header),
            Ok(None) => {}
            Err(problem) => {
                let error = problem.into_error(&object.name, 1, reading.options.described_by.as_deref());
                return Err(error.into());
            }
        }
    }
}

/// What a message about a row needs.
#[derive(Clone)]
struct Reading {
    object: Object,
    first_byte: FirstByte,
    options: Arc<super::TextOptions>,
    counters: Counters,
}

/// Where the first byte that was parsed stands, so that lines can be counted from the file's own start.
#[derive(Debug, Clone, Copy)]
enum FirstByte {
    OfObject,
    At(u64),
    LineAtOrAfter(u64),
}

fn batches(
    reading: Reading,
    rows: Result<Rows, RowProblem>,
    input: BoxStream<'static, Result<Bytes>>,
) -> BoxStream<'static, Result<RecordBatch>> {
    let rows = match rows {
        Ok(rows) => rows,
        Err(problem) => return stream::once(async move { Err(reading.explain(problem).await) }).boxed(),
    };
    let parsing = Parsing { reading, rows, input, unparsed: Bytes::new() };
    stream::try_unfold(parsing, |mut parsing| async move { Ok(parsing.next().await?.map(|batch| (batch, parsing))) })
        .boxed()
}

/// A file, or a part of one, on its way from bytes to batches.
struct Parsing {
    reading: Reading,
    rows: Rows,
    input: BoxStream<'static, Result<Bytes>>,
    /// What has come and was not fed yet.
    unparsed: Bytes,
}

impl Parsing {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let before = self.rows.tolerated;
            let step = self.rows.step();
            self.reading.counters.add(before, self.rows.tolerated);
            match step {
                Ok(Step::Batch(batch)) => return Ok(Some(batch)),
                Ok(Step::End) => return Ok(None),
                Ok(Step::NeedInput) => self.feed().await?,
                Err(problem) => return Err(self.reading.explain(problem).await),
            }
        }
    }

    async fn feed(&mut self) -> Result<()> {
        if self.unparsed.is_empty() {
            match self.input.try_next().await? {
                Some(bytes) => self.unparsed = bytes,
                None => {
                    self.rows.end_input();
                    return Ok(());
                }
            }
        }
        // Of a record that does not end, as much again: it is looked at from its beginning each time.
        let piece = PIECE.max(self.rows.unused()).min(self.unparsed.len());
        self.rows.feed(&self.unparsed.split_to(piece));
        Ok(())
    }
}

impl Reading {
    /// The error for a bad record. Only now are the lines before the split counted.
    async fn explain(&self, problem: RowProblem) -> DataFusionError {
        let RowProblem { lines_before, problem } = problem;
        if let Problem::Other(error) = problem {
            return error.into();
        }
        let skipped = match self.first_byte {
            FirstByte::OfObject => Ok(0),
            FirstByte::At(byte) => count_line_feeds(&self.object, byte).await,
            // The line feed that ended the skipped line is the first one at or after the byte before.
            FirstByte::LineAtOrAfter(byte) => count_line_feeds(&self.object, byte - 1).await.map(|lines| lines + 1),
        };
        match skipped {
            Ok(skipped) => problem
                .into_error(&self.object.name, skipped + lines_before + 1, self.options.described_by.as_deref())
                .into(),
            Err(error) => error,
        }
    }
}

impl Counters {
    fn add(&self, before: Tolerated, after: Tolerated) {
        self.rows_ignored.add(after.rows_ignored - before.rows_ignored);
        self.values_nulled.add(after.values_nulled - before.values_nulled);
    }
}
