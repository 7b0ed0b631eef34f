use async_compression::tokio::write::{BzEncoder, GzipEncoder, XzEncoder, ZstdEncoder};
use tokio::io::AsyncWriteExt;

use super::*;
use crate::error::ErrorCode;
use crate::formats::Compression;

const EXTENSIONS: [&str; 4] = ["gz", "zst", "bz2", "xz"];

async fn compress(extension: &str, text: &str) -> Vec<u8> {
    macro_rules! encoded {
        ($encoder:ident) => {{
            let mut encoder = $encoder::new(Vec::new());
            encoder.write_all(text.as_bytes()).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }
    match extension {
        "gz" => encoded!(GzipEncoder),
        "zst" => encoded!(ZstdEncoder),
        "bz2" => encoded!(BzEncoder),
        _ => encoded!(XzEncoder),
    }
}

/// Lines that do not compress to nothing: consecutive numbers, scrambled.
fn lines(range: std::ops::Range<u64>) -> String {
    range.map(|line| format!("{line},{:x}\n", line.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect()
}

#[tokio::test]
async fn every_compression_is_known_by_the_extension_or_by_the_table() {
    let text = lines(0..20_000);
    let plain = Lake::new().read(&text, strings(2), TextOptions::default()).await.unwrap();
    assert_eq!(plain.len(), 20_000);
    let declared = [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz];
    for (extension, compression) in EXTENSIONS.into_iter().zip(declared) {
        let lake = Lake::new();
        let bytes = compress(extension, &text).await;
        let named = lake.put(&format!("t/1.csv.{}", extension.to_uppercase()), &bytes).await;
        let rows = lake.scan(strings(2), TextOptions::default(), vec![named.into()]).await.unwrap();
        assert!(rows == plain, "{extension}: {} rows", rows.len());
        let unnamed = lake.put("t/part-0", &bytes).await;
        let options = TextOptions { compression, ..TextOptions::default() };
        let rows = lake
            .scan(strings(2), options, vec![range(&unnamed, 0, 10), range(&unnamed, 10, unnamed.size)])
            .await
            .unwrap();
        assert!(rows == plain, "{extension} in two ranges: {} rows", rows.len());
    }
}

#[tokio::test]
async fn members_frames_and_streams_are_read_to_the_last() {
    for extension in EXTENSIONS {
        let lake = Lake::new();
        let mut bytes = compress(extension, &lines(0..1000)).await;
        bytes.extend(compress(extension, &lines(1000..2000)).await);
        bytes.extend(compress(extension, "").await);
        bytes.extend(compress(extension, &lines(2000..3000)).await);
        let file = lake.put(&format!("t/1.csv.{extension}"), bytes).await;
        let rows = lake.scan(strings(2), TextOptions::default(), vec![file.into()]).await.unwrap();
        assert_eq!(rows.len(), 3000, "{extension}");
        assert_eq!(rows[2999][0].as_deref(), Some("2999"));
    }
}

#[tokio::test]
async fn a_file_cut_anywhere_is_an_error_never_short_data() {
    for extension in EXTENSIONS {
        let one = compress(extension, &lines(0..400)).await;
        let mut two = one.clone();
        two.extend(compress(extension, &lines(400..800)).await);
        let lake = Lake::new();
        for bytes in [&one, &two] {
            let step = (bytes.len() / 40).max(1);
            for length in (1..bytes.len()).step_by(step).chain(bytes.len() - 12..bytes.len()) {
                if bytes.len() == two.len() && length == one.len() {
                    continue;
                }
                let file = lake.put(&format!("t/cut.csv.{extension}"), &bytes[..length]).await;
                let result = lake.scan(strings(2), TextOptions::default(), vec![file.into()]).await;
                let error = match result {
                    Ok(rows) => panic!("{extension} cut at {length} of {} gave {} rows", bytes.len(), rows.len()),
                    Err(error) => error,
                };
                assert_eq!(error.code, ErrorCode::InvalidData, "{extension} at {length}: {error}");
                assert!(error.message.contains("s3://lake/t/cut.csv."), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn damage_is_invalid_data_that_names_the_object() {
    for extension in EXTENSIONS {
        let lake = Lake::new();
        let file = lake.put(&format!("t/not.csv.{extension}"), "1,2\n3,4\n5,6\n7,8\n9,10\n").await;
        let error = lake.scan(strings(2), TextOptions::default(), vec![file.into()]).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidData, "{extension}: {error}");
        assert!(error.message.contains("t/not.csv"), "{error}");
    }
}

#[tokio::test]
async fn what_the_store_says_comes_through_the_decoder() {
    let lake = Lake::new();
    let file = lake.put("t/1.csv.gz", compress("gz", "1,2\n").await).await;
    lake.store.delete(&file.location).await.unwrap();
    let error = lake.scan(strings(2), TextOptions::default(), vec![file.into()]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound, "{error}");
}

#[tokio::test]
async fn an_empty_object_has_no_rows_whatever_its_extension() {
    let lake = Lake::new();
    let file = lake.put("t/1.csv.gz", "").await;
    assert_eq!(lake.scan(strings(2), TextOptions::default(), vec![file.into()]).await.unwrap(), Rows::new());
}
