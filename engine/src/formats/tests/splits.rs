use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;
use crate::formats::Compression;

/// Cuts a file at the given offsets, out of order and doubled ones included.
fn cut(file: &ObjectMeta, at: &[u64]) -> Vec<PartitionedFile> {
    let mut borders: Vec<u64> = at.iter().map(|at| at % (file.size + 1)).chain([0, file.size]).collect();
    borders.sort_unstable();
    borders.windows(2).map(|pair| range(file, pair[0], pair[1])).collect()
}

#[tokio::test]
async fn every_single_cut_gives_each_row_once() {
    let lake = Lake::new();
    let texts = ["id,s\r\n1,aa\r\n\r\n2,\"b,b\"\r\n3,", "\u{feff}id,s\n1,a\n2,b\n3,c\n", "id,s\n\n\n", "id,s\n1,é\n"];
    for (index, text) in texts.iter().enumerate() {
        let file = lake.put(&format!("t/{index}.csv"), text).await;
        for options in [TextOptions::for_path("x.csv"), TextOptions { header_lines: 2, ..TextOptions::default() }] {
            let schema = schema([("id", DataType::Utf8), ("s", DataType::Utf8)]);
            let whole = lake.scan(Arc::clone(&schema), options.clone(), vec![file.clone().into()]).await.unwrap();
            for at in 0..=file.size {
                let parts = lake.scan(Arc::clone(&schema), options.clone(), cut(&file, &[at])).await.unwrap();
                assert_eq!(parts, whole, "{text:?} cut at {at}");
            }
        }
    }
}

#[tokio::test]
async fn a_bad_row_in_any_split_is_named_by_its_line_in_the_file() {
    let lake = Lake::new();
    for header_lines in [0, 1] {
        let mut text = String::from(if header_lines == 1 { "n\n" } else { "1\n" });
        for line in 2..=3000 {
            text += if line == 2500 { "oops\n" } else { "1\n" };
        }
        let file = lake.put("t/a b.csv", &text).await;
        // The bad line is bytes 4998 to 5003.
        for cuts in [vec![], vec![1], vec![4000], vec![4997], vec![4998], vec![4999], vec![5002], vec![10, 20, 4990]] {
            let options = TextOptions { header_lines, ..TextOptions::default() };
            let error = lake.scan(schema([("n", DataType::Int32)]), options, cut(&file, &cuts)).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidData);
            assert!(error.message.starts_with("s3://lake/t/a b.csv line 2500: "), "{cuts:?}: {error}");
        }
    }
}

#[tokio::test]
async fn files_of_many_requests_are_joined_without_a_seam() {
    let lake = Lake::new();
    let mut text = String::from("id,s\n");
    let mut count = 0;
    while text.len() < 6 << 20 {
        text += &format!("{count},{}\n", "é".repeat(count % 97));
        count += 1;
    }
    let file = lake.put("t/long.csv", &text).await;
    let schema = schema([("id", DataType::Int64), ("s", DataType::Utf8)]);
    for cuts in [vec![], vec![1 << 20], vec![(1 << 20) + 1, 3 << 20, (5 << 20) - 1]] {
        let rows = lake.scan(Arc::clone(&schema), TextOptions::for_path("x.csv"), cut(&file, &cuts)).await.unwrap();
        assert_eq!(rows.len(), count, "{cuts:?}");
        let right = |(id, row): (usize, &Vec<Option<String>>)| {
            row[0] == Some(id.to_string()) && row[1].as_deref().unwrap_or_default() == "é".repeat(id % 97)
        };
        assert!(rows.iter().enumerate().all(right), "{cuts:?}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_cut_is_read_by_the_range_with_its_first_byte() {
    let lake = Lake::new();
    let multiline = TextOptions { multiline: true, ..TextOptions::default() };
    let file = lake.put("t/1.csv", "\"a\nb\",1\n\"c\nd\",2\n").await;
    let whole = lake.scan(strings(2), multiline.clone(), vec![file.clone().into()]).await.unwrap();
    assert_eq!(whole.len(), 2);
    for at in 1..file.size {
        assert_eq!(lake.scan(strings(2), multiline.clone(), cut(&file, &[at])).await.unwrap(), whole);
    }
    assert!(!multiline.is_splittable("a.csv"));
    assert!(!TextOptions::default().is_splittable("a.csv.gz"));
    assert!(TextOptions::default().is_splittable("a.csv"));
    assert!(!TextOptions { compression: Compression::Zstd, ..TextOptions::default() }.is_splittable("a.csv"));
}

#[tokio::test]
async fn datafusion_cuts_plain_files_only() {
    let lake = Lake::new();
    let plain = lake.put("t/1.csv", "1,2\n".repeat(1000)).await;
    let zipped = lake.put("t/2.csv.gz", "1,2\n".repeat(1000)).await;
    let cut = |files: Vec<PartitionedFile>, options: TextOptions| {
        let config = lake.config(strings(2), options, files).build();
        config.file_source().repartitioned(4, 10, None, &config).unwrap().map(|config| config.file_groups.len())
    };
    assert_eq!(cut(vec![plain.clone().into()], TextOptions::default()), Some(4));
    assert_eq!(cut(vec![plain.clone().into(), zipped.into()], TextOptions::default()), None);
    assert_eq!(cut(vec![plain.into()], TextOptions { multiline: true, ..TextOptions::default() }), None);
}

/// Writes a table as CSV the careful way: quotes wherever they could matter.
fn written(table: &[Vec<Option<String>>], line_end: &str) -> String {
    let cell = |cell: &Option<String>| match cell {
        None => String::new(),
        Some(text) if text.is_empty() || text.contains([',', '"', '\n', '\r']) => {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
        Some(text) => text.clone(),
    };
    table.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(",") + line_end).collect()
}

fn tables(cells: &'static str) -> impl Strategy<Value = Vec<Vec<Option<String>>>> {
    (1_usize..4).prop_flat_map(move |width| {
        let cell = prop_oneof![1 => Just(None), 4 => proptest::string::string_regex(cells).unwrap().prop_map(Some)];
        proptest::collection::vec(proptest::collection::vec(cell, width), 0..12)
    })
}

fn read_back(text: &str, width: usize, cuts: &[u64], options: TextOptions) -> Rows {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lake = Lake::with_batch_size(5);
        let file = lake.put("t/any.csv", text).await;
        lake.scan(strings(width), options, cut(&file, cuts)).await.unwrap()
    })
}

/// A wide table's line of NULLs alone is `,,`; a narrow one's is empty, which is a row too.
fn width(table: &Rows) -> usize {
    table.first().map_or(1, Vec::len)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_table_reads_back_the_same_however_it_is_cut(
        table in tables("[a-c,\" é#\\\\]{0,5}"),
        cuts in proptest::collection::vec(any::<u64>(), 0..6),
        crlf in any::<bool>(),
    ) {
        let text = written(&table, if crlf { "\r\n" } else { "\n" });
        prop_assert_eq!(read_back(&text, width(&table), &cuts, TextOptions::default()), table);
    }

    #[test]
    fn any_table_with_line_breaks_reads_back_where_it_is_multiline(
        table in tables("[ab,\"\r\n]{0,5}"),
        cuts in proptest::collection::vec(any::<u64>(), 0..6),
    ) {
        let text = written(&table, "\n");
        let options = TextOptions { multiline: true, ..TextOptions::default() };
        prop_assert_eq!(read_back(&text, width(&table), &cuts, options), table);
    }

    #[test]
    fn any_bytes_give_rows_or_an_error_and_the_same_rows_when_cut(
        bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b','), Just(b'"'), Just(b'\r'), any::<u8>()], 0..60),
        cuts in proptest::collection::vec(any::<u64>(), 0..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = TextOptions { on_error: crate::formats::OnError::Null, ..TextOptions::default() };
        let (whole, parts) = runtime.block_on(async {
            let lake = Lake::new();
            let file = lake.put("t/any.csv", &bytes).await;
            let schema = schema([("a", DataType::Int32), ("b", DataType::Utf8)]);
            let whole = lake.scan(Arc::clone(&schema), options.clone(), vec![file.clone().into()]).await;
            (whole, lake.scan(schema, options, cut(&file, &cuts)).await)
        });
        prop_assert_eq!(whole.unwrap(), parts.unwrap());
    }
}
