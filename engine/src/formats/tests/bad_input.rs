use super::*;
use crate::error::ErrorCode;
use crate::formats::OnError;
use crate::formats::record::MAX_RECORD;

fn csv(on_error: OnError) -> TextOptions {
    TextOptions { on_error, ..TextOptions::default() }
}

fn columns() -> SchemaRef {
    schema([("id", DataType::Int32), ("price", DataType::Decimal128(6, 2)), ("name", DataType::Utf8)])
}

async fn fails(text: impl AsRef<[u8]>, options: TextOptions) -> Error {
    let error = Lake::new().read(text, columns(), options).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidData, "{error}");
    error
}

#[tokio::test]
async fn a_bad_value_fails_with_file_line_column_value_and_type() {
    let error = fails("1,2.50,a\n2,2.5o,b\n", csv(OnError::Fail)).await;
    assert_eq!(
        error.message,
        "s3://lake/t/file.csv line 2: column \"price\" holds \"2.5o\", which is not a valid decimal(6,2)"
    );
    assert!(error.hint.unwrap().contains("'arachne.csv.on_error'"));
    let error = fails(format!("{},1,a\n", "9".repeat(500)), csv(OnError::Fail)).await;
    assert_eq!(
        error.message,
        format!("s3://lake/t/file.csv line 1: column \"id\" holds \"{}…\", which is not a valid int", "9".repeat(60))
    );
    let error = fails("1,\u{1},a\n", csv(OnError::Fail)).await;
    assert!(error.message.contains("holds \"\\u{1}\""), "{error}");
}

#[tokio::test]
async fn overflow_is_a_bad_value() {
    for text in ["2147483648,1,a\n", "1,10000,a\n", "1,9999.995,a\n"] {
        fails(text, csv(OnError::Fail)).await;
    }
}

#[tokio::test]
async fn bad_utf8_is_an_error_of_the_column_that_is_read() {
    let error = fails(b"1,1,ok\n2,2,a\xffb\n", csv(OnError::Fail)).await;
    assert_eq!(error.message, "s3://lake/t/file.csv line 2: column \"name\" is not valid UTF-8: \"a\u{fffd}b\"");
    let rows = Lake::new().read(b"1,1,ok\n2,2,a\xffb\n", columns(), csv(OnError::Null)).await.unwrap();
    assert_eq!(rows[1], [Some("2".to_string()), Some("2.00".to_string()), None]);
}

#[tokio::test]
async fn too_many_and_too_few_fields_fail_with_both_counts() {
    let few = fails("1,1,a\n2,2\n", csv(OnError::Fail)).await;
    assert_eq!(few.message, "s3://lake/t/file.csv line 2: the row has 2 fields where the table declares 3");
    let many = fails("h1,h2,h3\n2,2,c,d\n", TextOptions { header_lines: 1, ..csv(OnError::Fail) }).await;
    assert_eq!(many.message, "s3://lake/t/file.csv line 2: the row has 4 fields where the header has 3");
    assert!(many.hint.unwrap().contains("on_error"));
}

#[tokio::test]
async fn null_mode_keeps_the_row_and_loses_the_value() {
    let rows = Lake::new().read("x,1,a\n2,2\n3,3,c,d\n4,\"4,d\n", columns(), csv(OnError::Null)).await.unwrap();
    let expected = super::rows([
        [None, Some("1.00"), Some("a")],
        [Some("2"), Some("2.00"), None],
        [Some("3"), Some("3.00"), Some("c")],
        [Some("4"), None, None],
    ]);
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn ignore_mode_leaves_the_row_out_whatever_is_selected() {
    let lake = Lake::new();
    let file = lake.put("t/1.csv", b"1,1,a\nx,2,b\n3,3\n4,4,d\n5,?,\xff\n6,6,f\n").await;
    let rows = lake.scan(columns(), csv(OnError::Ignore), vec![file.clone().into()]).await.unwrap();
    let expected = [["1", "1.00", "a"], ["4", "4.00", "d"], ["6", "6.00", "f"]];
    assert_eq!(rows, expected.map(|row| row.map(|cell| Some(cell.to_string())).to_vec()));
    for wanted in [vec![], vec![0], vec![2]] {
        let config = lake.config(columns(), csv(OnError::Ignore), vec![file.clone().into()]);
        let config = config.with_projection_indices(Some(wanted)).unwrap().build();
        let plan = DataSourceExec::from_data_source(config);
        let batches = collect(Arc::clone(&plan) as _, lake.context.task_ctx()).await.unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
        let ignored = plan.metrics().unwrap().sum_by_name("rows_ignored").unwrap().as_usize();
        assert_eq!(ignored, 3);
    }
}

#[tokio::test]
async fn an_unclosed_quote_names_its_line_and_the_way_out() {
    let error = fails("1,1,a\n2,2,\"b\n3,3,c\n", csv(OnError::Fail)).await;
    assert_eq!(error.message, "s3://lake/t/file.csv line 2: a quoted field is not closed at the end of the line");
    assert!(error.hint.unwrap().contains("arachne.csv.multiline"));
    let multiline = TextOptions { multiline: true, ..csv(OnError::Fail) };
    let error = fails("1,1,\"a\na\"\n2,2,\"b\n3,3,c\n", multiline).await;
    assert_eq!(error.message, "s3://lake/t/file.csv line 3: a quoted field is not closed before the end of the file");
}

#[tokio::test]
async fn long_records_are_read_up_to_a_bound() {
    let long = "x".repeat(MAX_RECORD - 10);
    for multiline in [false, true] {
        let options = TextOptions { multiline, ..csv(OnError::Null) };
        let rows = Lake::new().read(format!("1,1,{long}\n2,2,b\n"), columns(), options.clone()).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0][2].as_ref().unwrap().len(), long.len());
        let error = fails(format!("1,1,a\n1,1,\"{long}{long}\"\n"), options).await;
        assert_eq!(error.message, "s3://lake/t/file.csv line 2: the record is longer than 16 MiB", "{multiline}");
    }
}

#[tokio::test]
async fn headers_that_do_not_fit_name_the_files() {
    let lake = Lake::new();
    let other = lake.put("t/2.csv", "id,colour\n1,red\n").await;
    let schema = schema([("id", DataType::Int64), ("name", DataType::Utf8)]);
    let options = TextOptions { described_by: Some("t/1.csv".into()), ..TextOptions::for_path("t/1.csv") };
    let error = lake.scan(Arc::clone(&schema), options, vec![other.into()]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidData);
    assert_eq!(
        error.message,
        "s3://lake/t/2.csv: its header names \"colour\", which is not among the columns read from t/1.csv, and files like it"
    );
    let headless = lake.put("t/3.csv", "7,Ann\n8,Ben\n").await;
    let options = TextOptions { on_error: OnError::Null, ..TextOptions::for_path("t/1.csv") };
    let error = lake.scan(schema, options, vec![headless.into()]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidData, "{error}");
    let wide = lake.put("t/4.csv", "a,b,c\n1,2,3\n").await;
    let options = TextOptions { header_lines: 1, ..TextOptions::default() };
    let error = lake.scan(strings(2), options, vec![wide.into()]).await.unwrap_err();
    assert_eq!(error.message, "s3://lake/t/4.csv: its header has 3 columns, and the table declares 2");
}

#[tokio::test]
async fn an_object_that_shrank_is_not_read_as_a_short_one() {
    let lake = Lake::new();
    let listed = lake.put("t/1.csv", "1,1,a\n2,2,b\n").await;
    lake.put("t/1.csv", "1,1,a\n").await;
    let error = lake.scan(columns(), csv(OnError::Fail), vec![listed.into()]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidData, "{error}");
    assert!(error.message.contains("changed while"), "{error}");
}

#[tokio::test]
async fn a_missing_object_is_not_found() {
    let lake = Lake::new();
    let listed = lake.put("t/1.csv", "1,1,a\n").await;
    lake.store.delete(&listed.location).await.unwrap();
    let error = lake.scan(columns(), csv(OnError::Fail), vec![listed.into()]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound, "{error}");
}

#[tokio::test]
async fn a_nested_column_is_refused_only_when_it_is_read() {
    let list = DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
    let schema = schema([("a", DataType::Int32), ("b", list)]);
    for on_error in [OnError::Fail, OnError::Ignore] {
        let lake = Lake::new();
        let file = lake.put("t/1.csv", "1,[2]\n").await;
        let config = |wanted| {
            let config = lake.config(Arc::clone(&schema), csv(on_error), vec![file.clone().into()]);
            DataSourceExec::from_data_source(config.with_projection_indices(Some(wanted)).unwrap().build())
        };
        assert_eq!(lake.run(config(vec![0])).await.unwrap(), super::rows([[Some("1")]]));
        let error = lake.run(config(vec![1])).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::NotSupported, "{error}");
    }
}
