//! Records into batches. No I/O here: bytes are fed in, batches and problems come out.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};

use crate::error::{Error, ErrorCode};

use super::column::{BadText, TextColumn, text_column};
use super::header::{Header, read_header};
use super::layout::Layout;
use super::marks::Marks;
use super::options::{OnError, TextOptions};
use super::problem::{Problem, RowProblem, type_name};
use super::record::{Extent, Field, RecordScanner, Scan};

/// A batch ends at this many bytes of text, even when it has few rows: 32-bit string offsets must not overflow.
const MAX_BATCH_BYTES: usize = 64 << 20;

/// What the text is turned into.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) options: Arc<TextOptions>,
    /// All columns that the files are declared to hold.
    pub(super) schema: SchemaRef,
    /// The ones that are wanted, as indexes into `schema`.
    pub(super) projection: Vec<usize>,
    /// Rows of a batch.
    pub(super) batch_size: usize,
}

/// What came of the bytes so far.
pub(super) enum Step {
    Batch(RecordBatch),
    NeedInput,
    End,
}

/// What was left out under `OnError::Ignore` and `OnError::Null`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tolerated {
    pub(super) rows_ignored: usize,
    pub(super) values_nulled: usize,
}

pub(super) struct Rows {
    target: Target,
    scanner: RecordScanner,
    /// Of the buffer.
    marks: Marks,
    /// Known once the header is read.
    layout: Option<Layout>,
    columns: Vec<Building>,
    output: SchemaRef,
    buffer: Vec<u8>,
    /// Where in the buffer the next record starts.
    position: usize,
    input_ended: bool,
    /// Line feeds before `position`.
    lines: u64,
    rows: usize,
    batch_bytes: usize,
    /// Which of the rows stay, once one of them does not.
    keep: Option<Vec<bool>>,
    pub(super) tolerated: Tolerated,
}

/// A column that is built: its place in the table, and in the output if it is wanted there.
struct Building {
    field: FieldRef,
    column: usize,
    builder: Box<dyn TextColumn>,
}

impl Rows {
    /// Reads a file from its beginning, or, with the file's `header` already known, from the start of some record.
    pub(super) fn new(target: Target, header: Option<&Header>) -> Result<Self, RowProblem> {
        let at_start = |problem| RowProblem { lines_before: 0, problem };
        let layout = match header {
            Some(header) => {
                Some(Layout::new(&target.options, &target.schema, header.names.as_deref()).map_err(at_start)?)
            }
            None => None,
        };
        let columns = building(&target).map_err(|error| at_start(Problem::Other(error)))?;
        let output: Vec<FieldRef> =
            target.projection.iter().map(|&index| Arc::clone(&target.schema.fields()[index])).collect();
        Ok(Self {
            scanner: RecordScanner::new(&target.options),
            marks: Marks::new(&target.options),
            layout,
            columns,
            output: Arc::new(Schema::new_with_metadata(output, target.schema.metadata().clone())),
            target,
            buffer: Vec::new(),
            position: 0,
            input_ended: false,
            lines: 0,
            rows: 0,
            batch_bytes: 0,
            keep: None,
            tolerated: Tolerated::default(),
        })
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.position);
        self.marks.drain(self.position);
        self.position = 0;
        self.buffer.extend_from_slice(bytes);
        self.marks.extend(&self.buffer);
    }

    /// Bytes that were fed and are of no row yet.
    pub(super) fn unused(&self) -> usize {
        self.buffer.len() - self.position
    }

    pub(super) fn end_input(&mut self) {
        self.input_ended = true;
    }

    /// Reads as many records as make a batch.
    pub(super) fn step(&mut self) -> Result<Step, RowProblem> {
        if self.layout.is_none() && !self.read_header()? {
            return Ok(if self.input_ended { Step::End } else { Step::NeedInput });
        }
        // Taken out for the loop so that records can borrow it while columns grow.
        let buffer = std::mem::take(&mut self.buffer);
        let outcome = self.read_records(&buffer);
        self.buffer = buffer;
        let more = outcome.map_err(|problem| RowProblem { lines_before: self.lines, problem })?;
        match more {
            false if !self.input_ended => Ok(Step::NeedInput),
            false if self.rows == 0 => Ok(Step::End),
            _ => {
                self.finish_batch().map(Step::Batch).map_err(|problem| RowProblem { lines_before: self.lines, problem })
            }
        }
    }

    /// `false`: the buffer does not hold the whole header yet.
    fn read_header(&mut self) -> Result<bool, RowProblem> {
        let problem = |problem| RowProblem { lines_before: 0, problem };
        let header =
            read_header(&self.target.options, &self.buffer[self.position..], self.input_ended).map_err(problem)?;
        let Some(header) = header else { return Ok(false) };
        self.layout =
            Some(Layout::new(&self.target.options, &self.target.schema, header.names.as_deref()).map_err(problem)?);
        self.position += header.bytes;
        self.lines += header.lines;
        Ok(true)
    }

    /// Returns whether a batch is full; otherwise the buffer's whole records are used up.
    fn read_records(&mut self, buffer: &[u8]) -> Result<bool, Problem> {
        let Some(layout) = self.layout.take() else { return Ok(false) };
        let result = self.read_records_as(&layout, buffer);
        self.layout = Some(layout);
        result
    }

    fn read_records_as(&mut self, layout: &Layout, buffer: &[u8]) -> Result<bool, Problem> {
        while self.position < buffer.len() {
            if self.rows >= self.target.batch_size || self.batch_bytes >= MAX_BATCH_BYTES {
                return Ok(true);
            }
            let rest = &buffer[self.position..];
            let scan = match self.scanner.scan_plain(buffer, self.position, &mut self.marks) {
                Some(extent) => Scan::Record(extent),
                None => self.scanner.scan(rest, self.input_ended),
            };
            let extent = match scan {
                Scan::Incomplete => return Ok(false),
                Scan::TooLong => return Err(Problem::TooLong),
                Scan::Record(extent) => {
                    self.read_record(layout, &rest[..extent.bytes], extent)?;
                    extent
                }
                Scan::Blank(extent) if layout.width == 1 => {
                    self.scanner.set_blank();
                    self.read_record(layout, &rest[..extent.bytes], extent)?;
                    extent
                }
                Scan::Blank(extent) | Scan::Comment(extent) => extent,
            };
            self.position += extent.bytes;
            self.batch_bytes += extent.bytes;
            self.lines += extent.lines;
        }
        Ok(false)
    }

    fn read_record(&mut self, layout: &Layout, record: &[u8], extent: Extent) -> Result<(), Problem> {
        let found = self.scanner.fields().len();
        let problem = if extent.unclosed {
            Some(Problem::UnclosedQuote { multiline: self.target.options.multiline })
        } else if found != layout.width {
            Some(Problem::FieldCount { expected: layout.width, found, header: layout.from_header })
        } else {
            None
        };
        if let Some(problem) = problem {
            match self.target.options.on_error {
                OnError::Fail => return Err(problem),
                OnError::Ignore => {
                    self.tolerated.rows_ignored += 1;
                    return Ok(());
                }
                OnError::Null => {}
            }
        }
        let mut whole = true;
        for index in 0..self.columns.len() {
            let field = layout.fields[self.columns[index].column]
                .and_then(|position| self.scanner.fields().get(position).copied());
            let bad = match field {
                Some(field) => push(&mut self.columns[index], &mut self.scanner, &self.target.options, record, field),
                None => {
                    self.columns[index].builder.push_null();
                    continue;
                }
            };
            let Err(bad) = bad else { continue };
            match (self.target.options.on_error, field) {
                (OnError::Fail, Some(field)) => return Err(self.bad_value(index, bad, record, field)),
                (OnError::Fail | OnError::Null, _) => self.tolerated.values_nulled += 1,
                (OnError::Ignore, _) => whole = false,
            }
            self.columns[index].builder.push_null();
        }
        if !whole {
            self.tolerated.rows_ignored += 1;
            self.keep.get_or_insert_with(|| vec![true; self.rows]);
        }
        if let Some(keep) = &mut self.keep {
            keep.push(whole);
        }
        self.rows += 1;
        Ok(())
    }

    fn bad_value(&mut self, index: usize, bad: BadText, record: &[u8], field: Field) -> Problem {
        let building = &self.columns[index];
        let column = building.field.name().clone();
        let data_type = building.field.data_type().clone();
        let value = self.scanner.value(record, field).to_vec();
        match bad {
            BadText::NotUtf8 => Problem::NotUtf8 { column, value },
            BadText::NotOfType => Problem::Value { column, data_type, value },
        }
    }

    fn finish_batch(&mut self) -> Result<RecordBatch, Problem> {
        let (rows, keep) = (std::mem::take(&mut self.rows), self.keep.take());
        self.batch_bytes = 0;
        let mut arrays = Vec::with_capacity(self.columns.len());
        for building in &mut self.columns {
            arrays.push((building.column, building.builder.finish()));
        }
        let wanted = self.target.projection.iter();
        let wanted = wanted
            .filter_map(|column| arrays.iter().find(|(built, _)| built == column).map(|(_, array)| Arc::clone(array)));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let other = |error: arrow::error::ArrowError| Problem::Other(error.into());
        let batch =
            RecordBatch::try_new_with_options(Arc::clone(&self.output), wanted.collect(), &options).map_err(other)?;
        match keep {
            Some(keep) => filter_record_batch(&batch, &BooleanArray::from(keep)).map_err(other),
            None => Ok(batch),
        }
    }
}

fn push(
    building: &mut Building,
    scanner: &mut RecordScanner,
    options: &TextOptions,
    record: &[u8],
    field: Field,
) -> Result<(), BadText> {
    let is_null = options.null_text.as_ref().is_some_and(|null| scanner.bare(record, field) == Some(null.as_bytes()));
    if is_null {
        building.builder.push_null();
        return Ok(());
    }
    building.builder.push(scanner.value(record, field))
}

/// The columns that have to be built: the wanted ones, and all that can be built where a bad value anywhere drops its row.
fn building(target: &Target) -> Result<Vec<Building>, Error> {
    let mut all = Vec::new();
    for (column, field) in target.schema.fields().iter().enumerate() {
        let wanted = target.projection.contains(&column);
        if !wanted && target.options.on_error != OnError::Ignore {
            continue;
        }
        match text_column(field.data_type(), &target.options, target.batch_size.min(8192)) {
            Some(builder) => all.push(Building { field: Arc::clone(field), column, builder }),
            None if wanted => {
                let message = format!(
                    "column \"{}\" is a {}, which cannot be read from delimited text",
                    field.name(),
                    type_name(field.data_type())
                );
                return Err(Error::new(ErrorCode::NotSupported, message).with_hint("declare the column as string"));
            }
            None => {}
        }
    }
    Ok(all)
}
