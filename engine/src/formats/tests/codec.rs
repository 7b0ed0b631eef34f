use datafusion::common::ScalarValue;
use datafusion::datasource::physical_plan::{CsvSource, FileScanConfig};
use datafusion::datasource::table_schema::TableSchema;
use datafusion_proto::physical_plan::{DefaultPhysicalExtensionCodec, DefaultPhysicalProtoConverter};

use super::*;
use crate::formats::text_codec::{decode, encode};
use crate::formats::{ColumnMapping, Compression, OnError};

fn through_bytes(lake: &Lake, config: FileScanConfig) -> Arc<dyn ExecutionPlan> {
    let exec = DataSourceExec::new(Arc::new(config));
    let (codec, converter) = (DefaultPhysicalExtensionCodec {}, DefaultPhysicalProtoConverter {});
    let bytes = encode(&exec, &codec, &converter).unwrap().unwrap();
    decode(&bytes, &lake.context.task_ctx(), &codec, &converter).unwrap()
}

#[tokio::test]
async fn a_scan_with_ranges_projection_and_partition_columns_survives_the_wire() {
    let lake = Lake::with_batch_size(2);
    let text = "a;b;c\n1;'x;1';~\nbad;y;2024-01-01\n3;z;2024-01-02\n4;w;2024-01-03\n";
    let first = lake.put("t/day=1/1.csv", text).await;
    let second = lake.put("t/day=2/2 +%.csv", text).await;
    let schema = schema([("a", DataType::Int64), ("b", DataType::Utf8), ("c", DataType::Date32)]);
    let day = Arc::new(Field::new("day", DataType::Int32, false));
    let options = TextOptions {
        delimiter: b';',
        quote: Some(b'\''),
        escape: Some(b'\\'),
        header_lines: 1,
        columns: ColumnMapping::Name,
        null_text: Some("~".into()),
        comment: Some(0xfe),
        on_error: OnError::Null,
        ..TextOptions::default()
    };
    let files = |day: i32, mut file: PartitionedFile| {
        file.partition_values = vec![ScalarValue::Int32(Some(day))];
        file
    };
    let source =
        TextSource::new(TableSchema::builder(schema).with_table_partition_cols(vec![day]).build(), options.clone());
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse("s3://lake").unwrap(), Arc::new(source))
        .with_file_groups(vec![
            FileGroup::new(vec![files(1, range(&first, 0, 30)), files(2, second.into())]),
            FileGroup::new(vec![files(1, range(&first, 30, first.size))]),
            FileGroup::new(vec![]),
        ])
        .with_projection_indices(Some(vec![3, 2, 0]))
        .unwrap()
        .build();
    let decoded = through_bytes(&lake, config.clone());
    let (sent, source) =
        decoded.downcast_ref::<DataSourceExec>().unwrap().downcast_to_file_source::<TextSource>().unwrap();
    assert_eq!(source.options(), &options);
    assert_eq!(sent.file_groups.len(), 3);
    let original = DataSourceExec::from_data_source(config);
    assert_eq!(decoded.schema(), original.schema());
    let mut after = lake.run(decoded).await.unwrap();
    let mut before = lake.run(original).await.unwrap();
    after.sort();
    before.sort();
    assert_eq!(after, before);
    let mut expected = Vec::new();
    for day in ["1", "2"] {
        for (a, c) in [
            (Some("1"), None),
            (None, Some("2024-01-01")),
            (Some("3"), Some("2024-01-02")),
            (Some("4"), Some("2024-01-03")),
        ] {
            expected.push(vec![Some(day.to_string()), c.map(str::to_string), a.map(str::to_string)]);
        }
    }
    expected.sort();
    assert_eq!(after, expected);
}

#[tokio::test]
async fn every_option_and_a_large_limit_survive() {
    let lake = Lake::new();
    let options = TextOptions {
        delimiter: 1,
        quote: None,
        escape: Some(b'\\'),
        header_lines: 7,
        columns: ColumnMapping::Position,
        null_text: Some("\\N".into()),
        comment: None,
        compression: Compression::Bzip2,
        multiline: true,
        on_error: OnError::Ignore,
        epoch_times: true,
        described_by: Some("s3://lake/ü".into()),
    };
    let limit = (1_usize << 32) + 5;
    let config = lake.config(strings(2), options.clone(), vec![]).with_limit(Some(limit)).build();
    let decoded = through_bytes(&lake, config);
    let (config, source) =
        decoded.downcast_ref::<DataSourceExec>().unwrap().downcast_to_file_source::<TextSource>().unwrap();
    assert_eq!(source.options(), &options);
    assert_eq!(config.limit, Some(limit));
}

#[tokio::test]
async fn other_sources_are_not_ours_and_damaged_bytes_are_an_error() {
    let lake = Lake::new();
    let (codec, converter) = (DefaultPhysicalExtensionCodec {}, DefaultPhysicalProtoConverter {});
    let url = ObjectStoreUrl::parse("s3://lake").unwrap();
    let csv = FileScanConfigBuilder::new(url, Arc::new(CsvSource::new(strings(1)))).build();
    assert!(encode(&DataSourceExec::new(Arc::new(csv)), &codec, &converter).unwrap().is_none());
    let config = lake.config(strings(1), TextOptions::default(), vec![]).build();
    let bytes = encode(&DataSourceExec::new(Arc::new(config)), &codec, &converter).unwrap().unwrap();
    for length in [0, 3, 4, 40] {
        assert!(decode(&bytes[..length], &lake.context.task_ctx(), &codec, &converter).is_err());
    }
}
