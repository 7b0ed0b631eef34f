use arrow::datatypes::TimeUnit;

use super::*;
use crate::error::ErrorCode;
use crate::formats::{Inferred, TextFormat, infer};
use datafusion::datasource::file_format::FileFormat;

async fn inferred(files: &[(&str, &str)]) -> Result<Inferred, Error> {
    let lake = Lake::new();
    let mut objects = Vec::new();
    for (path, text) in files {
        objects.push(lake.put(path, text).await);
    }
    infer(&TextOptions::for_path(files[0].0), &lake.store, &objects).await
}

fn columns(inferred: &Inferred) -> Vec<(String, DataType)> {
    inferred.schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
}

fn expected<const N: usize>(columns: [(&str, DataType); N]) -> Vec<(String, DataType)> {
    columns.map(|(name, data_type)| (name.to_string(), data_type)).to_vec()
}

#[tokio::test]
async fn names_and_types_come_from_the_header_and_the_values() {
    let text = "id,Ratio,flag,day,at,zip,note,nothing\n\
                1,1,true,2024-02-29,2024-02-29,01234,x,\n\
                -2,0.5,FALSE,2023-01-01,2023-01-01 10:00:00,99999,3,\n\
                ,,,,,,,\n";
    let found = inferred(&[("t/1.csv", text)]).await.unwrap();
    let types = expected([
        ("id", DataType::Int64),
        ("Ratio", DataType::Float64),
        ("flag", DataType::Boolean),
        ("day", DataType::Date32),
        ("at", DataType::Timestamp(TimeUnit::Microsecond, None)),
        ("zip", DataType::Utf8),
        ("note", DataType::Utf8),
        ("nothing", DataType::Utf8),
    ]);
    assert_eq!(columns(&found), types);
    assert_eq!(found.options.described_by.as_deref(), Some("t/1.csv"));
}

#[tokio::test]
async fn files_are_united_by_name_and_widened() {
    let files = [("t/0.csv", ""), ("t/1.csv", "a,b\n1,x\n"), ("t/2.csv", "B,c,a\n7,2024-01-01,1.5\n")];
    let found = inferred(&files).await.unwrap();
    let types = expected([("a", DataType::Float64), ("b", DataType::Utf8), ("c", DataType::Date32)]);
    assert_eq!(columns(&found), types);
    assert_eq!(found.options.described_by.as_deref(), Some("t/1.csv"));
}

#[tokio::test]
async fn a_header_alone_gives_strings_and_an_empty_file_an_error() {
    let found = inferred(&[("t/1.tsv", "a\tb\n")]).await.unwrap();
    assert_eq!(columns(&found), expected([("a", DataType::Utf8), ("b", DataType::Utf8)]));
    let error = inferred(&[("t/1.csv", "")]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidData);
    assert!(error.message.contains("t/1.csv"), "{error}");
}

#[tokio::test]
async fn line_breaks_in_quotes_are_noticed_and_stray_quotes_are_not_taken_for_them() {
    let broken = inferred(&[("t/1.csv", "a,b\n1,\"x\ny\"\n2,z\n")]).await.unwrap();
    assert!(broken.options.multiline);
    assert_eq!(columns(&broken), expected([("a", DataType::Int64), ("b", DataType::Utf8)]));
    let stray = inferred(&[("t/1.csv", "a,b\n1,\"x\n2,y\n")]).await.unwrap();
    assert!(!stray.options.multiline);
}

#[tokio::test]
async fn a_long_file_is_judged_by_its_beginning() {
    let mut text = String::from("n,s\n");
    while text.len() < 3 << 20 {
        text += "12,abcdefghijklmnopqrstuvwxyz\n";
    }
    text += "x,y\n";
    let lake = Lake::new();
    let file = lake.put("t/1.csv", &text).await;
    let found = infer(&TextOptions::for_path("t/1.csv"), &lake.store, std::slice::from_ref(&file)).await.unwrap();
    assert_eq!(columns(&found), expected([("n", DataType::Int64), ("s", DataType::Utf8)]));
    let error = lake.scan(found.schema, found.options, vec![file.into()]).await.unwrap_err();
    assert!(error.message.contains("column \"n\" holds \"x\", which is not a valid bigint"), "{error}");
    assert!(error.hint.unwrap().contains("guessed from the first rows"));
}

#[tokio::test]
async fn a_listing_table_reads_through_the_format() {
    use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
    let lake = Lake::new();
    lake.put("t/day=2024-01-01/1.csv", "id,name\n1,Ann\n2,Ben\n").await;
    lake.put("t/day=2024-01-02/2.csv", "id,name\n3,Cid\n").await;
    let format: Arc<dyn FileFormat> = Arc::new(TextFormat::new(TextOptions::for_path("1.csv")));
    let options = ListingOptions::new(format).with_table_partition_cols(vec![("day".into(), DataType::Utf8)]);
    let config = ListingTableConfig::new(ListingTableUrl::parse("s3://lake/t/").unwrap()).with_listing_options(options);
    let config = config.infer_schema(&lake.context.state()).await.unwrap();
    lake.context.register_table("t", Arc::new(ListingTable::try_new(config).unwrap())).unwrap();
    let table = lake.context.table("t").await.unwrap();
    let plan = table.select_columns(&["day", "id"]).unwrap().create_physical_plan().await.unwrap();
    let mut rows = lake.run(plan).await.unwrap();
    rows.sort();
    let expected = [["2024-01-01", "1"], ["2024-01-01", "2"], ["2024-01-02", "3"]];
    assert_eq!(rows, expected.map(|row| row.map(|cell| Some(cell.to_string())).to_vec()));
}
