//! Tables for people: a line per row, cut to the terminal's width.
//!
//! Rows are held until the result ends, because widths depend on them; `max_rows` bounds that, and without it a table is
//! printed for every [`ROWS_A_PIECE`] rows.

use arachne_server::format::{CellFormatter, ResultEncoder, is_numeric};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const ROWS_A_PIECE: usize = 10_000;
/// A column is not squeezed below this to make room for others; columns in the middle are left out instead.
const NARROWEST: usize = 12;
const ELLIPSIS: &str = "…";

/// How much of a result is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TableShape {
    /// Columns of the terminal; unlimited if unknown.
    pub(crate) width: Option<usize>,
    /// Rows shown at most; the others are counted.
    pub(crate) max_rows: Option<usize>,
    /// Ends with `(3 rows)`.
    pub(crate) count_line: bool,
}

pub(crate) struct TableEncoder {
    shape: TableShape,
    cells: CellFormatter,
    schema: Option<SchemaRef>,
    rows: Vec<Vec<String>>,
    total: usize,
    printed: bool,
}

impl TableEncoder {
    pub(crate) fn new(shape: TableShape) -> Self {
        Self { shape, cells: CellFormatter::default(), schema: None, rows: Vec::new(), total: 0, printed: false }
    }

    fn print(&mut self, out: &mut Vec<u8>) {
        let Some(schema) = self.schema.as_ref().filter(|schema| !schema.fields().is_empty()) else { return };
        let names: Vec<String> = schema.fields().iter().map(|field| one_line(field.name())).collect();
        let right: Vec<bool> = schema.fields().iter().map(|field| is_numeric(field.data_type())).collect();
        let table = draw(&names, &right, &std::mem::take(&mut self.rows), self.shape.width);
        out.extend_from_slice(table.as_bytes());
        out.push(b'\n');
        self.printed = true;
    }
}

impl ResultEncoder for TableEncoder {
    fn begin(&mut self, schema: &SchemaRef, _out: &mut Vec<u8>) -> Result<(), ArrowError> {
        self.schema = Some(SchemaRef::clone(schema));
        Ok(())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        let shown =
            self.shape.max_rows.map_or(batch.num_rows(), |max| max.saturating_sub(self.total).min(batch.num_rows()));
        self.total += batch.num_rows();
        for row in texts(&self.cells, &batch.slice(0, shown))? {
            self.rows.push(row);
            if self.shape.max_rows.is_none() && self.rows.len() == ROWS_A_PIECE {
                self.print(out);
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ArrowError> {
        if !self.rows.is_empty() || !self.printed {
            self.print(out);
        }
        let hidden = self.shape.max_rows.map_or(0, |max| self.total.saturating_sub(max));
        if hidden > 0 {
            out.extend_from_slice(format!("{ELLIPSIS} {} more {}\n", thousands(hidden), noun(hidden)).as_bytes());
        }
        if self.shape.count_line && self.schema.as_ref().is_some_and(|schema| !schema.fields().is_empty()) {
            out.extend_from_slice(format!("({} {})\n", thousands(self.total), noun(self.total)).as_bytes());
        }
        Ok(())
    }
}

/// The cells of a batch as text; NULL is `NULL`.
pub(super) fn texts(cells: &CellFormatter, batch: &RecordBatch) -> Result<Vec<Vec<String>>, ArrowError> {
    let schema = batch.schema();
    let fields = schema.fields().iter().zip(batch.columns());
    let mut columns = fields.map(|(field, array)| cells.column(field, array)).collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let mut texts = Vec::with_capacity(columns.len());
        for column in &mut columns {
            let mut text = String::new();
            let present = column.write(row, &mut text)?;
            texts.push(if present { one_line(&text) } else { "NULL".to_owned() });
        }
        rows.push(texts);
    }
    Ok(rows)
}

/// Control characters would break the line, or do worse to the terminal.
fn one_line(text: &str) -> String {
    if text.chars().any(char::is_control) {
        return text
            .chars()
            .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
            .collect();
    }
    text.to_owned()
}

fn draw(names: &[String], right: &[bool], rows: &[Vec<String>], width: Option<usize>) -> String {
    let natural: Vec<usize> = (0..names.len())
        .map(|column| rows.iter().map(|row| row[column].width()).chain([names[column].width()]).max().unwrap_or(0))
        .collect();
    let layout = fit(&natural, width);
    let line = |texts: &[String]| -> Vec<Cell> {
        let cells = layout.iter().map(|slot| match slot {
            Slot::Column { index, width } => {
                let alignment = if right[*index] { CellAlignment::Right } else { CellAlignment::Left };
                Cell::new(cut(&texts[*index], *width)).set_alignment(alignment)
            }
            Slot::Gap => Cell::new(ELLIPSIS),
        });
        cells.collect()
    };
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(line(names));
    for row in rows {
        table.add_row(line(row));
    }
    table.trim_fmt()
}

/// What stands in one place of the drawn table.
#[derive(Debug, PartialEq, Eq)]
enum Slot {
    Column {
        index: usize,
        width: usize,
    },
    /// Columns that found no room.
    Gap,
}

/// Chooses widths: wide columns are squeezed first, then columns in the middle give way.
fn fit(natural: &[usize], width: Option<usize>) -> Vec<Slot> {
    let all: Vec<usize> = (0..natural.len()).collect();
    let Some(width) = width else { return slots(natural, &all, usize::MAX) };
    let mut kept = all;
    loop {
        let gap = kept.len() < natural.len();
        let columns = kept.len() + usize::from(gap);
        // Each column costs a border and two spaces, and the last border one more.
        let room = width.saturating_sub(3 * columns + 1 + usize::from(gap));
        let needs = |cap: usize| kept.iter().map(|index| natural[*index].min(cap)).sum::<usize>();
        let widest = kept.iter().map(|index| natural[*index]).max().unwrap_or(0);
        let cap = (NARROWEST..=widest.max(NARROWEST)).rev().find(|cap| needs(*cap) <= room);
        match cap {
            Some(cap) => return slots(natural, &kept, cap),
            None if kept.len() <= 2 => return slots(natural, &kept, (room / kept.len().max(1)).max(1)),
            None => drop(kept.remove(kept.len() / 2)),
        }
    }
}

fn slots(natural: &[usize], kept: &[usize], cap: usize) -> Vec<Slot> {
    let mut slots = Vec::with_capacity(kept.len() + 1);
    let mut next = 0;
    for index in kept {
        if *index != next {
            slots.push(Slot::Gap);
        }
        slots.push(Slot::Column { index: *index, width: natural[*index].min(cap) });
        next = index + 1;
    }
    if next < natural.len() {
        slots.push(Slot::Gap);
    }
    slots
}

fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width.saturating_sub(1) {
            break;
        }
        used += wide;
        kept.push(c);
    }
    kept + ELLIPSIS
}

fn noun(rows: usize) -> &'static str {
    if rows == 1 { "row" } else { "rows" }
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_columns_are_squeezed_before_any_is_left_out() {
        let fitted = fit(&[5, 100, 30], Some(60));
        let widths: Vec<usize> =
            fitted.iter().map(|slot| if let Slot::Column { width, .. } = slot { *width } else { 0 }).collect();
        assert_eq!(widths, [5, 22, 22]);
    }

    #[test]
    fn columns_in_the_middle_give_way() {
        let fitted = fit(&[20; 10], Some(80));
        assert!(fitted.contains(&Slot::Gap));
        assert!(matches!(fitted.first(), Some(Slot::Column { index: 0, .. })));
        assert!(matches!(fitted.last(), Some(Slot::Column { index: 9, .. })));
    }

    #[test]
    fn text_is_cut_by_its_width_on_screen() {
        assert_eq!(cut("hello", 5), "hello");
        assert_eq!(cut("hello!", 5), "hell…");
        assert_eq!(cut("日本語です", 5), "日本…");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }
}
