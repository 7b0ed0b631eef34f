use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int32Array, Int64Array, Int64Builder, ListArray, MapBuilder, StringArray, StringViewArray, StructArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

#[test]
fn csv_keeps_null_and_empty_apart_and_quotes_what_must_be() {
    let batch = columns(vec![
        ("n", Arc::new(Int64Array::from(vec![Some(1), None, Some(3)]))),
        ("s", Arc::new(StringViewArray::from(vec![Some("a,\"b\"\nc"), Some(""), None]))),
    ]);
    assert_eq!(encode(DelimitedEncoder::csv(), &[batch]), "n,s\n1,\"a,\"\"b\"\"\nc\"\n,\"\"\n3,\n");
}

#[test]
fn tsv_quotes_tabs_but_not_commas() {
    let batch = columns(vec![("s", Arc::new(StringViewArray::from(vec!["a,b", "a\tb"])))]);
    assert_eq!(encode(DelimitedEncoder::tsv(), &[batch]), "s\na,b\n\"a\tb\"\n");
}

#[test]
fn values_are_written_as_athena_prints_them() {
    let decimals = Decimal128Array::from(vec![Some(123_450), None]).with_precision_and_scale(10, 2).unwrap();
    let micros = vec![Some(1_706_702_400_500_000), Some(1_706_702_400_000_000)];
    let batch = columns(vec![
        ("d", Arc::new(decimals)),
        ("t", Arc::new(TimestampMicrosecondArray::from(micros.clone()))),
        ("z", Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("+02:00"))),
        ("day", Arc::new(Date32Array::from(vec![0, -1]))),
        ("f", Arc::new(Float64Array::from(vec![0.1, f64::NAN]))),
        ("b", Arc::new(BooleanArray::from(vec![true, false]))),
        ("x", Arc::new(BinaryViewArray::from(vec![b"\x01\xff".as_slice(), b""]))),
    ]);
    let text = encode(DelimitedEncoder::csv(), &[batch]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[1], "1234.50,2024-01-31 12:00:00.500,2024-01-31 14:00:00.500 +02:00,1970-01-01,0.1,true,01ff");
    assert_eq!(lines[2], ",2024-01-31 12:00:00,2024-01-31 14:00:00 +02:00,1969-12-31,NaN,false,\"\"");
}

#[test]
fn nested_values_are_json_in_csv() {
    assert_eq!(
        encode(DelimitedEncoder::csv(), &[nested()]),
        "l,r\n\"[1,null]\",\"{\"\"a\"\":7,\"\"b\"\":\"\"x\"\"}\"\n,\"{\"\"a\"\":null,\"\"b\"\":\"\"y\"\"}\"\n"
    );
}

#[test]
fn json_writes_every_key_and_keeps_all_digits() {
    let decimals =
        Decimal128Array::from(vec![Some(12_345_678_901_234_567_890), None]).with_precision_and_scale(38, 4).unwrap();
    let batch = columns(vec![("d", Arc::new(decimals)), ("n", Arc::new(Int64Array::from(vec![None, Some(2)])))]);
    let batches = [batch.slice(0, 1), batch.slice(1, 1)];
    let row_1 = "{\"d\":\"1234567890123456.7890\",\"n\":null}";
    let row_2 = "{\"d\":null,\"n\":2}";
    assert_eq!(encode(JsonEncoder::array(), &batches), format!("[\n{row_1},\n{row_2}\n]\n"));
    assert_eq!(encode(JsonEncoder::lines(), &batches), format!("{row_1}\n{row_2}\n"));
}

#[test]
fn json_integers_are_strings_where_a_double_would_round_them() {
    let batch = columns(vec![
        ("i", Arc::new(Int64Array::from(vec![9_007_199_254_740_991, -9_007_199_254_740_992, i64::MIN]))),
        ("u", Arc::new(UInt64Array::from(vec![7, 9_007_199_254_740_992, u64::MAX]))),
    ]);
    let written = |numbers| encode(JsonEncoder::lines().with_numbers(numbers), std::slice::from_ref(&batch));
    assert_eq!(
        written(Numbers::Exact),
        "{\"i\":9007199254740991,\"u\":7}\n{\"i\":\"-9007199254740992\",\"u\":\"9007199254740992\"}\n\
         {\"i\":\"-9223372036854775808\",\"u\":\"18446744073709551615\"}\n"
    );
    assert!(written(Numbers::String).starts_with("{\"i\":\"9007199254740991\",\"u\":\"7\"}\n"));
    assert!(written(Numbers::Number).ends_with("{\"i\":-9223372036854775808,\"u\":18446744073709551615}\n"));
    let decimal = Decimal128Array::from(vec![-105]).with_precision_and_scale(5, 2).unwrap();
    let batch = columns(vec![("d", Arc::new(decimal))]);
    assert_eq!(encode(JsonEncoder::lines().with_numbers(Numbers::Number), &[batch]), "{\"d\":-1.05}\n");
}

#[test]
fn json_has_a_word_for_what_is_no_number() {
    let batch = columns(vec![
        ("d", Arc::new(Float64Array::from(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5]))),
        ("f", Arc::new(Float32Array::from(vec![Some(f32::NAN), None, Some(0.1), Some(f32::INFINITY)]))),
    ]);
    assert_eq!(
        encode(JsonEncoder::lines(), &[batch]),
        "{\"d\":\"NaN\",\"f\":\"NaN\"}\n{\"d\":\"Infinity\",\"f\":null}\n{\"d\":\"-Infinity\",\"f\":0.1}\n\
         {\"d\":-0.5,\"f\":\"Infinity\"}\n"
    );
}

#[test]
fn json_dates_times_and_bytes_are_strings() {
    let micros = vec![1_706_702_400_500_000];
    let batch = columns(vec![
        ("t", Arc::new(TimestampMicrosecondArray::from(micros.clone()))),
        ("z", Arc::new(TimestampMicrosecondArray::from(micros).with_timezone("+02:00"))),
        ("day", Arc::new(Date32Array::from(vec![-1]))),
        ("x", Arc::new(BinaryViewArray::from(vec![b"\x01\xff".as_slice()]))),
    ]);
    assert_eq!(
        encode(JsonEncoder::lines(), &[batch]),
        "{\"t\":\"2024-01-31T12:00:00.500\",\"z\":\"2024-01-31T14:00:00.500+02:00\",\"day\":\"1969-12-31\",\"x\":\"01ff\"}\n"
    );
}

#[test]
fn json_maps_are_objects_whatever_their_keys_are() {
    let mut map = MapBuilder::new(None, Int64Builder::new(), Int64Builder::new());
    map.keys().append_slice(&[1, i64::MAX]);
    map.values().append_option(Some(i64::MIN));
    map.values().append_null();
    map.append(true).unwrap();
    map.append(false).unwrap();
    let batch = columns(vec![("m", Arc::new(map.finish()))]);
    let expected = "{\"m\":{\"1\":\"-9223372036854775808\",\"9223372036854775807\":null}}\n{\"m\":null}\n";
    assert_eq!(encode(JsonEncoder::lines(), std::slice::from_ref(&batch)), expected);
    assert!(encode(DelimitedEncoder::csv(), &[batch]).contains("{\"\"1\"\":\"\"-92233"));
}

#[test]
fn json_knows_the_nulls_inside_of_a_dictionary() {
    let values = Arc::new(StringArray::from(vec![Some("a"), None]));
    let dictionary = DictionaryArray::new(Int32Array::from(vec![0, 1]), values);
    let batch = columns(vec![("s", Arc::new(dictionary))]);
    assert_eq!(encode(JsonEncoder::lines(), &[batch]), "{\"s\":\"a\"}\n{\"s\":null}\n");
}

#[test]
fn json_of_nested_values_parses() {
    let value: serde_json::Value = serde_json::from_str(&encode(JsonEncoder::array(), &[nested()])).unwrap();
    assert_eq!(value[0], serde_json::json!({"l": [1, null], "r": {"a": 7, "b": "x"}}));
}

#[test]
fn a_result_without_rows_is_still_a_result() {
    let empty = nested().slice(0, 0);
    assert_eq!(encode(DelimitedEncoder::csv(), std::slice::from_ref(&empty)), "l,r\n");
    assert_eq!(encode(JsonEncoder::array(), &[]), "[]\n");
    assert_eq!(encode(JsonEncoder::lines(), &[]), "");
    assert_eq!(read_arrow(encode_bytes(ArrowStreamEncoder::default(), &nested().schema(), &[])).1, 0);
    assert_eq!(read_parquet(encode_bytes(ParquetEncoder::default(), &nested().schema(), &[])).1, 0);
}

#[test]
fn arrow_and_parquet_carry_no_views() {
    let batch = nested();
    for (schema, rows) in [
        read_arrow(encode_bytes(ArrowStreamEncoder::default(), &batch.schema(), &[batch.clone(), batch.clone()])),
        read_parquet(encode_bytes(ParquetEncoder::default(), &batch.schema(), &[batch.clone(), batch.clone()])),
    ] {
        assert_eq!(rows, 4);
        let DataType::Struct(fields) = schema.field(1).data_type() else { unreachable!("r is a struct") };
        assert_eq!(fields[1].data_type(), &DataType::Utf8);
    }
}

fn columns(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// A list and a struct, a NULL in each.
fn nested() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let a: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None]));
    let b: ArrayRef = Arc::new(StringViewArray::from(vec!["x", "y"]));
    let record = StructArray::from(vec![
        (Arc::new(Field::new("a", DataType::Int32, true)), a),
        (Arc::new(Field::new("b", DataType::Utf8View, true)), b),
    ]);
    columns(vec![("l", Arc::new(list)), ("r", Arc::new(record))])
}

fn encode(encoder: impl ResultEncoder, batches: &[RecordBatch]) -> String {
    let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    String::from_utf8(encode_bytes(encoder, &schema, batches)).unwrap()
}

fn encode_bytes(mut encoder: impl ResultEncoder, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin(schema, &mut out).unwrap();
    for batch in batches {
        encoder.batch(batch, &mut out).unwrap();
    }
    encoder.end(&mut out).unwrap();
    out
}

fn read_arrow(bytes: Vec<u8>) -> (SchemaRef, usize) {
    let reader = StreamReader::try_new(bytes.as_slice(), None).unwrap();
    (reader.schema(), reader.map(|batch| batch.unwrap().num_rows()).sum())
}

fn read_parquet(bytes: Vec<u8>) -> (SchemaRef, usize) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    (SchemaRef::clone(reader.schema()), reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum())
}
