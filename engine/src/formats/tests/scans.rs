use arrow::datatypes::TimeUnit;
use datafusion::physical_plan::projection::ProjectionExprs;

use super::*;
use crate::formats::ColumnMapping;

fn csv() -> TextOptions {
    TextOptions::default()
}

#[tokio::test]
async fn every_type_is_read_from_its_text() {
    let schema = schema([
        ("flag", DataType::Boolean),
        ("tiny", DataType::Int8),
        ("big", DataType::Int64),
        ("single", DataType::Float32),
        ("double", DataType::Float64),
        ("price", DataType::Decimal128(10, 2)),
        ("day", DataType::Date32),
        ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("zoned", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))),
        ("name", DataType::Utf8),
        ("view", DataType::Utf8View),
        ("bytes", DataType::Binary),
    ]);
    let text = "true,-128,9223372036854775807,1.5,-1e3,12.345,2024-02-29,2024-02-29 12:30:00.25,2024-02-29T12:30:00+01:00,näme,a view longer than twelve bytes,aGk=\n\
                FALSE, 7 ,0, 2 ,NaN,-0.005,1969-12-31,1969-12-31 23:59:59,1970-01-01,x,y,\n";
    let rows = Lake::new().read(text, schema, csv()).await.unwrap();
    let expected = super::rows([
        [
            Some("true"),
            Some("-128"),
            Some("9223372036854775807"),
            Some("1.5"),
            Some("-1000.0"),
            Some("12.35"),
            Some("2024-02-29"),
            Some("2024-02-29T12:30:00.250"),
            Some("2024-02-29T11:30:00Z"),
            Some("näme"),
            Some("a view longer than twelve bytes"),
            Some("6869"),
        ],
        [
            Some("false"),
            Some("7"),
            Some("0"),
            Some("2.0"),
            Some("NaN"),
            Some("-0.01"),
            Some("1969-12-31"),
            Some("1969-12-31T23:59:59"),
            Some("1970-01-01T00:00:00Z"),
            Some("x"),
            Some("y"),
            None,
        ],
    ]);
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn an_empty_field_is_null_but_a_quoted_one_is_an_empty_string() {
    let schema = schema([("n", DataType::Int32), ("s", DataType::Utf8)]);
    let text = "1,\n,\"\"\n\"\",x\n";
    let rows = Lake::new().read(text, schema, csv()).await.unwrap();
    assert_eq!(rows, super::rows([[Some("1"), None], [None, Some("")], [None, Some("x")]]));
}

#[tokio::test]
async fn null_text_is_what_the_table_says_and_never_in_quotes() {
    let columns = || schema([("n", DataType::Int32), ("s", DataType::Utf8)]);
    let hive = TextOptions { quote: None, null_text: Some("\\N".into()), ..csv() };
    let rows = Lake::new().read("\\N,\\N\n,\n5,NULL\n", columns(), hive).await.unwrap();
    assert_eq!(rows, super::rows([[None, None], [None, Some("")], [Some("5"), Some("NULL")]]));
    let words = TextOptions { null_text: Some("NA".into()), ..csv() };
    let rows = Lake::new().read("NA,NA\n1,\"NA\"\n2,\n", columns(), words).await.unwrap();
    assert_eq!(rows, super::rows([[None, None], [Some("1"), Some("NA")], [Some("2"), Some("")]]));
    let none = TextOptions { null_text: None, ..csv() };
    let rows = Lake::new().read(",\n", columns(), none).await.unwrap();
    assert_eq!(rows, super::rows([[None, Some("")]]));
}

#[tokio::test]
async fn line_ends_and_the_byte_order_mark_are_not_data() {
    for text in ["a,b\r\nc,d\r\n", "a,b\nc,d", "\u{feff}a,b\nc,d\n", "a,\"b\"\r\nc,d\r", "\na,b\n\r\n\nc,d\n\n"] {
        let rows = Lake::new().read(text, strings(2), csv()).await.unwrap();
        assert_eq!(rows, super::rows([[Some("a"), Some("b")], [Some("c"), Some("d")]]), "{text:?}");
    }
}

#[tokio::test]
async fn an_empty_line_is_a_row_only_where_there_is_one_column() {
    let rows = Lake::new().read("a\n\n\"\"\n\nb\n", strings(1), csv()).await.unwrap();
    assert_eq!(rows, super::rows([[Some("a")], [None], [Some("")], [None], [Some("b")]]));
}

#[tokio::test]
async fn quotes_and_escapes() {
    let rows = Lake::new().read("\"a,b\",\"say \"\"hi\"\"\"\nit's 5\" wide,\"x\"y\n", strings(2), csv()).await.unwrap();
    assert_eq!(rows, super::rows([[Some("a,b"), Some("say \"hi\"")], [Some("it's 5\" wide"), Some("xy")]]));
    let open_csv = TextOptions { escape: Some(b'\\'), ..csv() };
    let rows = Lake::new().read("\"a\\\"b\\\\\",C:\\dir\n", strings(2), open_csv).await.unwrap();
    assert_eq!(rows, super::rows([[Some("a\"b\\"), Some("C:\\dir")]]));
    let hive = TextOptions { quote: None, escape: Some(b'\\'), null_text: Some("\\N".into()), ..csv() };
    let rows = Lake::new().read("a\\,b,\"q\"\n\\\\N,\\N\n", strings(2), hive).await.unwrap();
    assert_eq!(rows, super::rows([[Some("a,b"), Some("\"q\"")], [Some("\\N"), None]]));
}

#[tokio::test]
async fn quoted_line_breaks_are_read_where_the_table_is_multiline() {
    let options = TextOptions { multiline: true, ..csv() };
    let text = "\"a\nb\",1\r\n\"c\r\n\n\"\"d\",2\n";
    let rows = Lake::new().read(text, strings(2), options).await.unwrap();
    assert_eq!(rows, super::rows([[Some("a\nb"), Some("1")], [Some("c\r\n\n\"d"), Some("2")]]));
}

#[tokio::test]
async fn comments_and_headers_are_skipped() {
    let options = TextOptions { comment: Some(b'#'), header_lines: 1, ..csv() };
    let rows = Lake::new().read("n,m\n# no row, here\n1,2\n", strings(2), options).await.unwrap();
    assert_eq!(rows, super::rows([[Some("1"), Some("2")]]));
}

#[tokio::test]
async fn files_without_rows_give_none() {
    let options = || TextOptions { header_lines: 1, ..csv() };
    for text in ["", "a,b\n", "a,b", "\u{feff}a,b\r\n", "\n"] {
        assert_eq!(Lake::new().read(text, strings(2), options()).await.unwrap(), Rows::new(), "{text:?}");
    }
}

#[tokio::test]
async fn a_header_shorter_than_the_table_makes_the_last_columns_null() {
    let lake = Lake::new();
    let old = lake.put("t/1.csv", "a,b\n1,2\n").await;
    let new = lake.put("t/2.csv", "a,b,c\n3,4,5\n").await;
    let options = TextOptions { header_lines: 1, ..csv() };
    let rows = lake.scan(strings(3), options, vec![old.into(), new.into()]).await.unwrap();
    assert_eq!(rows, super::rows([[Some("1"), Some("2"), None], [Some("3"), Some("4"), Some("5")]]));
}

#[tokio::test]
async fn a_title_line_is_not_taken_for_the_columns() {
    let options = TextOptions { header_lines: 1, ..csv() };
    let rows = Lake::new().read("Report of May\n1,2\n", strings(2), options).await.unwrap();
    assert_eq!(rows, super::rows([[Some("1"), Some("2")]]));
}

#[tokio::test]
async fn columns_are_found_by_name_in_each_files_header() {
    let lake = Lake::new();
    let first = lake.put("t/1.csv", "id,name,city\n1,Ann,Bonn\n").await;
    let second = lake.put("t/2.csv", "City,ID\nRome,2\n").await;
    let schema = schema([("id", DataType::Int64), ("name", DataType::Utf8), ("city", DataType::Utf8)]);
    let rows = lake.scan(schema, TextOptions::for_path("t/1.csv"), vec![first.into(), second.into()]).await.unwrap();
    assert_eq!(rows, super::rows([[Some("1"), Some("Ann"), Some("Bonn")], [Some("2"), None, Some("Rome")]]));
}

#[tokio::test]
async fn only_wanted_columns_are_parsed_in_the_wanted_order() {
    let lake = Lake::new();
    let file = lake.put("t/1.csv", "1,not a number,x\n2,neither,y\n").await;
    let schema = schema([("a", DataType::Int64), ("b", DataType::Int64), ("c", DataType::Utf8)]);
    let config = lake.config(Arc::clone(&schema), csv(), vec![file.into()]).build();
    let projection = ProjectionExprs::from_indices(&[2, 0], &schema);
    let source = config.file_source().try_pushdown_projection(&projection).unwrap().unwrap();
    let config = FileScanConfigBuilder::from(config).with_source(source).build();
    let rows = lake.run(DataSourceExec::from_data_source(config.clone())).await.unwrap();
    assert_eq!(rows, super::rows([[Some("x"), Some("1")], [Some("y"), Some("2")]]));
    let none = ProjectionExprs::from_indices(&[], &schema);
    let source =
        lake.config(schema, csv(), vec![]).build().file_source().try_pushdown_projection(&none).unwrap().unwrap();
    let counted = FileScanConfigBuilder::from(config).with_source(source).build();
    let batches = collect(DataSourceExec::from_data_source(counted), lake.context.task_ctx()).await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
}

#[tokio::test]
async fn batches_have_the_sessions_size() {
    let lake = Lake::with_batch_size(3);
    let file = lake.put("t/1.csv", "1\n2\n3\n4\n5\n6\n7\n").await;
    let plan = DataSourceExec::from_data_source(lake.config(strings(1), csv(), vec![file.into()]).build());
    let batches = collect(plan, lake.context.task_ctx()).await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [3, 3, 1]);
}

#[test]
fn a_paths_extension_says_how_it_is_delimited() {
    for (path, delimiter) in [
        ("b/x.csv", b','),
        ("b/x.tsv", b'\t'),
        ("b/x.TSV.gz", b'\t'),
        ("b/x.psv.zst", b'|'),
        ("b.tsv/x", b','),
        ("x", b','),
    ] {
        let options = TextOptions::for_path(path);
        assert_eq!(
            (options.delimiter, options.columns, options.header_lines),
            (delimiter, ColumnMapping::Name, 1),
            "{path}"
        );
    }
}
