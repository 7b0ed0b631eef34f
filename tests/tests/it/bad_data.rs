//! Files that are not what they are said to be. Each test runs embedded and over tasks: an error has to say the same from a worker as it
//! does at home, and nothing is ever answered from part of the data.

use std::path::Path;
use std::sync::Arc;

use arachne_engine::{Error, ErrorCode};
use arachne_tests::engine::{Engine, Width};
use arachne_tests::sandbox::temporary_dir;
use arrow::array::{
    ArrayRef, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

#[test]
fn a_file_that_is_not_parquet_is_named() {
    let lake = Lake::new();
    lake.file("t/good.parquet", parquet([("k", ints(0..10))]));
    lake.file("t/bad.parquet", "this is no Parquet file, whatever it is called");
    lake.fails(&format!("SELECT sum(k) FROM '{}/t/'", lake.path()), ErrorCode::InvalidData, &["bad.parquet"]);
    lake.file("empty/zero.parquet", "");
    lake.fails(
        &format!("SELECT * FROM '{}/empty/zero.parquet'", lake.path()),
        ErrorCode::InvalidData,
        &["zero.parquet"],
    );
}

#[test]
fn a_parquet_file_that_is_cut_short_is_named() {
    let lake = Lake::new();
    let whole = parquet([("k", ints(0..5000)), ("s", texts((0..5000).map(|i| format!("row {i}"))))]);
    lake.file("t/good.parquet", &whole);
    lake.file("t/cut.parquet", &whole[..whole.len() / 2]);
    lake.fails(&format!("SELECT sum(k) FROM '{}/t/'", lake.path()), ErrorCode::InvalidData, &["cut.parquet"]);
}

#[test]
fn a_parquet_file_with_destroyed_pages_gives_no_rows() {
    let lake = Lake::new();
    let mut bytes = parquet([("s", texts((0..5000).map(|i| format!("row {}", i * 7919 % 5000))))]);
    let middle = bytes.len() / 2;
    bytes[4..middle].fill(0);
    lake.file("t/holes.parquet", bytes);
    lake.fails(&format!("SELECT sum(length(s)) FROM '{}/t/'", lake.path()), ErrorCode::InvalidData, &[]);
}

#[test]
fn a_bad_number_is_shown_with_its_file_and_line() {
    let lake = csv_lake("k,v\n1,10\n2,twenty\n3,30\n");
    lake.fails_in("t", "SELECT sum(v) FROM t", &["bad.csv", "line 3", "twenty", "v"]);
}

#[test]
fn rows_with_too_many_or_too_few_fields_are_shown() {
    csv_lake("k,v\n1,10\n2\n").fails_in("t", "SELECT count(*), sum(k) FROM t", &["bad.csv", "line 3", "1 field"]);
    csv_lake("k,v\n1,10\n2,20,30\n").fails_in("t", "SELECT sum(v) FROM t", &["bad.csv", "line 3", "3 fields"]);
}

#[test]
fn bytes_that_are_not_utf_8_are_shown() {
    let lake = Lake::new();
    lake.file("t/bad.csv", b"k,v\n1,fine\n2,caf\xe9\n");
    lake.table("t", "k int, v string", "");
    lake.fails_in("t", "SELECT max(v) FROM t", &["bad.csv", "line 3", "UTF-8"]);
}

#[test]
fn bad_rows_are_left_out_or_nulled_when_the_table_says_so() {
    let text = "k,v\n1,10\n2,twenty\n3\n4,40,400\n5,50\n";
    let lake = csv_lake(text);
    lake.table("ignoring", "k int, v int", "'arachne.csv.on_error'='ignore'");
    lake.equals("SELECT count(*), sum(k), sum(v) FROM ignoring", &["2 | 6 | 60"]);
    lake.equals("SELECT count(*) FROM ignoring", &["2"]);
    lake.table("nulling", "k int, v int", "'arachne.csv.on_error'='null'");
    lake.equals("SELECT count(*), sum(k), sum(v), count(v) FROM nulling", &["5 | 15 | 100 | 3"]);
}

#[test]
fn columns_that_a_file_lacks_are_null() {
    let lake = Lake::new();
    lake.file("t/1.parquet", parquet([("k", ints(0..3))]));
    lake.file("t/2.parquet", parquet([("k", ints(3..5)), ("extra", ints(7..9))]));
    lake.equals(
        &format!("SELECT count(*), sum(k), count(extra), sum(extra) FROM '{}/t/'", lake.path()),
        &["5 | 10 | 2 | 15"],
    );
    lake.ddl("CREATE EXTERNAL TABLE t (k bigint, extra bigint, never string) STORED AS PARQUET LOCATION '{}/t/'");
    lake.equals("SELECT count(*), sum(k), sum(extra), count(never) FROM t", &["5 | 10 | 15 | 0"]);
}

#[test]
fn narrower_types_are_widened() {
    let lake = Lake::new();
    let narrow: [(&str, ArrayRef); 3] = [
        ("i", Arc::new(Int32Array::from(vec![i32::MAX]))),
        ("f", Arc::new(Float32Array::from(vec![0.5]))),
        ("d", Arc::new(Decimal128Array::from(vec![150]).with_precision_and_scale(5, 2).unwrap())),
    ];
    let wide: [(&str, ArrayRef); 3] = [
        ("i", Arc::new(Int64Array::from(vec![1]))),
        ("f", Arc::new(Float64Array::from(vec![0.25]))),
        ("d", Arc::new(Decimal128Array::from(vec![250]).with_precision_and_scale(15, 2).unwrap())),
    ];
    lake.file("t/1.parquet", parquet(narrow));
    lake.file("t/2.parquet", parquet(wide));
    lake.equals(&format!("SELECT sum(i), sum(f), sum(d) FROM '{}/t/'", lake.path()), &["2147483648 | 0.75 | 400e-2"]);
}

#[test]
fn types_that_do_not_go_together_name_both_files() {
    let lake = Lake::new();
    lake.file("t/1.parquet", parquet([("k", ints(0..3))]));
    lake.file("t/2.parquet", parquet([("k", texts(["a".to_owned()].into_iter()))]));
    lake.fails(
        &format!("SELECT k FROM '{}/t/'", lake.path()),
        ErrorCode::InvalidData,
        &["1.parquet", "2.parquet", "k"],
    );
    lake.ddl("CREATE EXTERNAL TABLE t (k bigint) STORED AS PARQUET LOCATION '{}/t/'");
    lake.fails("SELECT sum(k) FROM t", ErrorCode::InvalidData, &["2.parquet", "k"]);
}

#[test]
fn an_empty_folder_is_an_empty_table_but_no_path_to_query() {
    let lake = Lake::new();
    std::fs::create_dir(lake.dir.path().join("t")).unwrap();
    lake.fails(&format!("SELECT * FROM '{}/t/'", lake.path()), ErrorCode::NotFound, &["/t/"]);
    lake.ddl("CREATE EXTERNAL TABLE t (k bigint) STORED AS PARQUET LOCATION '{}/t/'");
    lake.equals("SELECT count(*), sum(k) FROM t", &["0 | NULL"]);
}

#[test]
fn empty_and_marker_files_hold_no_rows() {
    let lake = csv_lake("k,v\n1,10\n");
    lake.file("t/empty.csv", "");
    lake.file("t/header_only.csv", "k,v\n");
    lake.file("t/_SUCCESS", "");
    lake.file("t/.hidden.csv", "k,v\nnot,numbers\n");
    lake.table("whole", "k int, v int", "");
    lake.equals("SELECT count(*), sum(v) FROM whole", &["1 | 10"]);
}

#[test]
fn names_may_hold_anything() {
    let lake = Lake::new();
    for (number, name) in
        ["with space", "a=b", "100%", "x+y", "%20", "grüße/日本", "semi;colon&more"].iter().enumerate()
    {
        let folder = format!("odd{number}/{name}");
        lake.file(&format!("{folder}/{}.csv", name.replace('/', "-")), "k,v\n1,10\n2,20\n");
        lake.equals(&format!("SELECT sum(v) FROM '{}/{folder}/'", lake.path()), &["30"]);
        lake.ddl(&format!(
            "CREATE EXTERNAL TABLE odd{number} (k int, v int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' \
             STORED AS TEXTFILE LOCATION '{{}}/{folder}/' TBLPROPERTIES ('skip.header.line.count'='1')"
        ));
        lake.equals(&format!("SELECT sum(v) FROM odd{number}"), &["30"]);
    }
}

#[test]
fn compressed_and_quoted_text_is_never_cut_in_the_middle() {
    let lake = Lake::new();
    let mut text = String::from("k,v\n");
    for k in 0..4000 {
        text.push_str(&format!("{k},\"line one of {k}\nline \"\"two\"\", with a comma\"\n"));
    }
    lake.file("quoted/a.csv", &text);
    lake.file("quoted/b.csv", &text);
    lake.file("zipped/a.csv.gz", gzip(&text));
    lake.file("zipped/b.csv.gz", gzip(&text));
    for folder in ["quoted", "zipped"] {
        lake.ddl(&format!(
            "CREATE EXTERNAL TABLE {folder} (k int, v string) \
             ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' STORED AS TEXTFILE LOCATION '{{}}/{folder}/' \
             TBLPROPERTIES ('skip.header.line.count'='1', 'arachne.csv.multiline'='true')"
        ));
        let length: usize = (0..4000).map(|k| format!("line one of {k}\nline \"two\", with a comma").len()).sum();
        let sql = format!("SELECT count(*), sum(k), sum(length(v)), count(DISTINCT v) FROM {folder}");
        lake.equals(&sql, &[&format!("8000 | {} | {} | 4000", 2 * (0..4000).sum::<u32>(), 2 * length)]);
    }
}

/// A folder with files, and engines that see the same tables.
struct Lake {
    dir: TempDir,
    engines: Vec<(String, Engine)>,
}

impl Lake {
    fn new() -> Self {
        let widths = [Width { tasks: 1, partitions: 2 }, Width { tasks: 3, partitions: 2 }];
        let mut engines = vec![("embedded".to_owned(), Engine::embedded())];
        engines.extend(widths.map(|width| (format!("{width:?}"), Engine::tasks(width))));
        Self { dir: temporary_dir("lake").unwrap(), engines }
    }

    fn path(&self) -> String {
        self.dir.path().display().to_string()
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Runs DDL everywhere; `{}` is this folder's URL.
    fn ddl(&self, ddl: &str) {
        for (name, engine) in &self.engines {
            let ddl = ddl.replace("{}", &format!("file://{}", self.path()));
            engine.run(&ddl).unwrap_or_else(|error| panic!("{name} {ddl}: {error}"));
        }
    }

    /// A table over the folder `t` of comma-separated files with a header.
    fn table(&self, name: &str, columns: &str, property: &str) {
        let comma = if property.is_empty() { "" } else { ", " };
        self.ddl(&format!(
            "CREATE EXTERNAL TABLE {name} ({columns}) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS TEXTFILE \
             LOCATION '{{}}/t/' TBLPROPERTIES ('skip.header.line.count'='1'{comma}{property})"
        ));
    }

    fn equals(&self, sql: &str, rows: &[&str]) {
        for (name, engine) in &self.engines {
            let outcome = engine.run(sql).unwrap_or_else(|error| panic!("{name} {sql}: {error} ({:?})", error.hint));
            let lines: Vec<_> = outcome.answer.rows.iter().map(|row| line(row)).collect();
            assert_eq!(lines, rows, "{name} {sql}");
        }
    }

    fn fails(&self, sql: &str, code: ErrorCode, words: &[&str]) {
        for (name, engine) in &self.engines {
            let error: Error = engine.run(sql).err().unwrap_or_else(|| panic!("{name} answers {sql}"));
            assert_eq!(error.code, code, "{name} {sql}: {error}");
            for word in words {
                assert!(error.message.contains(word), "{name}: no {word:?} in {error}");
            }
        }
    }

    fn fails_in(&self, table: &str, sql: &str, words: &[&str]) {
        if self.engines[0].1.run(&format!("DESCRIBE {table}")).is_err() {
            self.table(table, "k int, v int", "");
        }
        self.fails(sql, ErrorCode::InvalidData, words);
    }
}

fn csv_lake(text: &str) -> Lake {
    let lake = Lake::new();
    lake.file("t/bad.csv", text);
    lake
}

fn line(row: &[arachne_tests::answer::Value]) -> String {
    row.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ")
}

fn parquet<const N: usize>(columns: [(&str, ArrayRef); N]) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn ints(values: std::ops::Range<i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}
