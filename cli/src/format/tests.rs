use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::record_batch::RecordBatch;

use super::*;

#[test]
fn a_table_aligns_numbers_and_shows_null() {
    let shape = TableShape { count_line: true, ..TableShape::default() };
    let expected = "\
┌─────┬──────┐
│ n   ┆ s    │
╞═════╪══════╡
│   1 ┆ one  │
│ 200 ┆ NULL │
└─────┴──────┘
(2 rows)
";
    assert_eq!(encode(Format::Table, shape, &[sample()]), expected.replace("│ n   ┆", "│   n ┆"));
}

#[test]
fn a_table_stays_within_the_terminal() {
    let long: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(200)]));
    let columns: Vec<(String, ArrayRef)> =
        (0..20).map(|index| (format!("column_{index}"), Arc::clone(&long))).collect();
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let text = encode(Format::Table, TableShape { width: Some(80), ..TableShape::default() }, &[batch]);
    for line in text.lines() {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 80, "{line}");
    }
    assert!(text.contains("column_0") && text.contains("column_19") && text.contains('…'), "{text}");
}

#[test]
fn rows_beyond_the_limit_are_counted() {
    let shape = TableShape { max_rows: Some(3), ..TableShape::default() };
    let text = encode(Format::Table, shape, &[sample(), sample(), sample()]);
    assert!(text.ends_with("… 3 more rows\n"), "{text}");
    assert_eq!(text.matches("one").count(), 2);
}

#[test]
fn a_line_break_in_a_value_does_not_break_the_table() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a\nb\u{1b}[31m"]));
    let table = encode(Format::Table, TableShape::default(), &[RecordBatch::try_from_iter([("t", text)]).unwrap()]);
    assert!(table.contains("a\\nb\\u{1b}[31m"), "{table}");
}

#[test]
fn a_statement_without_columns_prints_nothing() {
    let shape = TableShape { count_line: true, ..TableShape::default() };
    assert_eq!(encode(Format::Table, shape, &[]), "");
}

#[test]
fn markdown_escapes_the_bar() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["a|b"]));
    let batch = RecordBatch::try_from_iter([("t", text)]).unwrap();
    assert_eq!(encode(Format::Markdown, TableShape::default(), &[batch]), "| t |\n| --- |\n| a\\|b |\n");
}

fn sample() -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 200]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("one"), None]));
    RecordBatch::try_from_iter([("n", numbers), ("s", texts)]).unwrap()
}

fn encode(format: Format, shape: TableShape, batches: &[RecordBatch]) -> String {
    let mut encoder = format.encoder(shape);
    let mut out = Vec::new();
    let schema = batches.first().map_or_else(|| Arc::new(arrow::datatypes::Schema::empty()), RecordBatch::schema);
    encoder.begin(&schema, &mut out).unwrap();
    for batch in batches {
        encoder.batch(batch, &mut out).unwrap();
    }
    encoder.end(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}
