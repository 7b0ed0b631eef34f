//! Where records and fields begin and end.
//!
//! Our own scanner, because `csv-core` does not tell a quoted field from a bare one (an empty string from NULL), knows no escapes
//! outside quotes (Hive's `ESCAPED BY`), and takes an unclosed quote as the rest of the file. What it does understand is read the
//! same way here: the tests compare the two.

use memchr::{memchr, memchr_iter, memchr2, memchr3};

use super::marks::Marks;
use super::options::TextOptions;

/// The longest record that is read, in bytes. Longer ones are nearly always a quote that is never closed.
pub(super) const MAX_RECORD: usize = 16 << 20;

/// A field as a range of its record's bytes, quotes excluded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    start: u32,
    end: u32,
    quoted: bool,
    /// The bytes are not the value yet: doubled quotes or escapes have to be taken out.
    coded: bool,
}

/// What stands at the beginning of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scan {
    /// Its fields are in [`RecordScanner::fields`].
    Record(Extent),
    /// An empty line: a record of one empty field where a file has one column, nothing otherwise.
    Blank(Extent),
    Comment(Extent),
    /// The record reaches past the buffer.
    Incomplete,
    TooLong,
}

/// How much of the buffer a record takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Bytes, line end included.
    pub(super) bytes: usize,
    /// Line feeds among them.
    pub(super) lines: u64,
    /// A quote is opened and not closed before the end of the record.
    pub(super) unclosed: bool,
}

pub(super) struct RecordScanner {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    comment: Option<u8>,
    multiline: bool,
    fields: Vec<Field>,
    scratch: Vec<u8>,
}

impl RecordScanner {
    pub(super) fn new(options: &TextOptions) -> Self {
        Self {
            delimiter: options.delimiter,
            quote: options.quote,
            escape: options.escape,
            comment: options.comment,
            multiline: options.multiline && options.quote.is_some(),
            fields: Vec::new(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The record of an empty line.
    pub(super) fn set_blank(&mut self) {
        self.fields.clear();
        self.fields.push(Field { start: 0, end: 0, quoted: false, coded: false });
    }

    /// The record at `start` of `buffer`, which has more bytes, where it is as most are: a line without escapes, and without quotes within
    /// quotes. For all else `None`, and then [`scan`](Self::scan) is asked.
    pub(super) fn scan_plain(&mut self, buffer: &[u8], start: usize, marks: &mut Marks) -> Option<Extent> {
        if self.comment == Some(buffer[start]) {
            return None;
        }
        self.fields.clear();
        let mut field = start;
        let mut marks = marks.from(start).iter().map(|&mark| mark as usize);
        while let Some(mut here) = marks.next() {
            let quoted = here == field && self.quote == Some(buffer[here]);
            if quoted {
                field += 1;
                let closing = marks.find(|&mark| buffer[mark] != self.delimiter)?;
                here = marks.next()?;
                if self.quote != Some(buffer[closing]) || here != closing + 1 {
                    return None;
                }
            }
            let is_last = buffer[here] == b'\n';
            if !is_last && buffer[here] != self.delimiter {
                return None;
            }
            let end = match (quoted, is_last) {
                (true, _) => here - 1,
                (false, true) => self.without_return(buffer, field, here),
                (false, false) => here,
            };
            self.fields.push(Field { start: (field - start) as u32, end: (end - start) as u32, quoted, coded: false });
            field = here + 1;
            if is_last {
                let (bytes, is_blank) = (field - start, end == start);
                let extent = Extent { bytes, lines: 1, unclosed: false };
                return (!is_blank && bytes <= MAX_RECORD).then_some(extent);
            }
        }
        None
    }

    /// Looks for one record at the start of `buffer`, which is not empty; `last`: the input ends with this buffer.
    pub(super) fn scan(&mut self, buffer: &[u8], last: bool) -> Scan {
        let line = memchr(b'\n', &buffer[..buffer.len().min(MAX_RECORD)]).map(|at| at + 1);
        let first_line = match line {
            Some(end) => end,
            None if buffer.len() > MAX_RECORD => return Scan::TooLong,
            None if last => buffer.len(),
            None => return Scan::Incomplete,
        };
        let extent = Extent { bytes: first_line, lines: u64::from(line.is_some()), unclosed: false };
        if self.comment == Some(buffer[0]) {
            return Scan::Comment(extent);
        }
        if matches!(&buffer[..first_line], b"\n" | b"\r\n" | b"\r") {
            return Scan::Blank(extent);
        }
        if !self.multiline {
            let (_, unclosed) = self.split(&buffer[..first_line]);
            return Scan::Record(Extent { unclosed, ..extent });
        }
        let window = &buffer[..buffer.len().min(MAX_RECORD)];
        let (bytes, unclosed) = self.split(window);
        let at_end = unclosed || (bytes == window.len() && window[bytes - 1] != b'\n');
        if at_end && window.len() < buffer.len() {
            return Scan::TooLong;
        }
        if at_end && !last {
            return Scan::Incomplete;
        }
        Scan::Record(Extent { bytes, lines: memchr_iter(b'\n', &buffer[..bytes]).count() as u64, unclosed })
    }

    /// Finds the fields up to the first line feed outside quotes, or to the end. Returns the bytes used, and whether a quote is left open.
    fn split(&mut self, text: &[u8]) -> (usize, bool) {
        self.fields.clear();
        let mut at = 0;
        loop {
            let quoted = self.quote.is_some() && text.get(at) == self.quote.as_ref();
            let (field, next, unclosed) =
                if quoted { self.quoted_field(text, at + 1) } else { self.bare_field(text, at) };
            self.fields.push(field);
            match text.get(next) {
                Some(&end) if end == self.delimiter && !unclosed => at = next + 1,
                Some(b'\n') if !unclosed => return (next + 1, false),
                _ => return (text.len(), unclosed),
            }
        }
    }

    /// A field without an opening quote: it ends before a delimiter, a line end or the end of the text.
    fn bare_field(&self, text: &[u8], start: usize) -> (Field, usize, bool) {
        let escape = if self.quote.is_none() { self.escape } else { None };
        let (mut at, mut coded) = (start, false);
        let next = loop {
            let rest = text.get(at..).unwrap_or_default();
            let found = match escape {
                Some(escape) => memchr3(self.delimiter, b'\n', escape, rest),
                None => memchr2(self.delimiter, b'\n', rest),
            };
            match found.map(|found| at + found) {
                None => break text.len(),
                // The byte after an escape belongs to the field, but for a line feed: that always ends a bare record.
                Some(here) if escape == Some(text[here]) => {
                    coded = true;
                    at = if text.get(here + 1) == Some(&b'\n') { here + 1 } else { here + 2 };
                }
                Some(here) => break here,
            }
        };
        let end = self.without_return(text, start, next);
        (Field { start: start as u32, end: end as u32, quoted: false, coded }, next, false)
    }

    /// A field whose opening quote lies before `start`. Text between its closing quote and the delimiter is part of the value.
    fn quoted_field(&self, text: &[u8], start: usize) -> (Field, usize, bool) {
        let Some(quote) = self.quote else { return self.bare_field(text, start) };
        let (mut at, mut coded) = (start, false);
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let found = match self.escape {
                Some(escape) if escape != quote => memchr2(quote, escape, rest),
                _ => memchr(quote, rest),
            };
            let Some(here) = found.map(|found| at + found) else {
                let end = self.without_line_end(text, start);
                return (Field { start: start as u32, end: end as u32, quoted: true, coded }, text.len(), true);
            };
            if text[here] != quote || text.get(here + 1) == Some(&quote) {
                coded = true;
                at = here + 2;
                continue;
            }
            let (tail, next, _) = self.bare_field(text, here + 1);
            if tail.start == tail.end {
                return (Field { start: start as u32, end: here as u32, quoted: true, coded }, next, false);
            }
            return (Field { start: start as u32, end: tail.end, quoted: true, coded: true }, next, false);
        }
    }

    /// The end of a field that a line end follows: a carriage return before the line feed, or before the end of the file, is not its own.
    fn without_return(&self, text: &[u8], start: usize, end: usize) -> usize {
        let ends_line = text.get(end).is_none_or(|&byte| byte == b'\n');
        if ends_line && end > start && text[end - 1] == b'\r' { end - 1 } else { end }
    }

    fn without_line_end(&self, text: &[u8], start: usize) -> usize {
        let end = if text.last() == Some(&b'\n') { text.len() - 1 } else { text.len() };
        self.without_return(text, start, end.max(start))
    }

    /// The bytes of a field as they stand in the file, if it is not quoted: what NULL is recognised by.
    pub(super) fn bare<'a>(&self, record: &'a [u8], field: Field) -> Option<&'a [u8]> {
        (!field.quoted).then(|| &record[field.start as usize..field.end as usize])
    }

    /// The value of a field, decoded.
    #[inline]
    pub(super) fn value<'a>(&'a mut self, record: &'a [u8], field: Field) -> &'a [u8] {
        let raw = &record[field.start as usize..field.end as usize];
        if field.coded { self.decoded(raw, field) } else { raw }
    }

    fn decoded(&mut self, raw: &[u8], field: Field) -> &[u8] {
        self.scratch.clear();
        let mut inside = field.quoted;
        let mut bytes = raw.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            let escapes = self.escape == Some(byte) && (inside || self.quote.is_none());
            let quote = inside && self.quote == Some(byte);
            if quote && bytes.peek() == Some(&byte) {
                bytes.next();
                self.scratch.push(byte);
            } else if quote {
                inside = false;
            } else if escapes {
                self.scratch.extend(bytes.next());
            } else {
                self.scratch.push(byte);
            }
        }
        &self.scratch
    }
}
