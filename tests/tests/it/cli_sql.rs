//! `arachne sql` as scripts use it.

use arachne_tests::answer::Answer;
use arachne_tests::cli::Cli;
use arrow::ipc::reader::StreamReader;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const SQL: &str = "SELECT 1 AS a, 'x,\"y' AS b, CAST(NULL AS varchar) AS c UNION ALL SELECT 2, 'z', '' ORDER BY a";

#[test]
fn text_formats_hold_the_rows_and_nothing_else() {
    let cli = Cli::new();
    let printed = |format| cli.sql(SQL, &["--format", format]).succeeds().text();
    assert_eq!(printed("csv"), "a,b,c\n1,\"x,\"\"y\",\n2,z,\"\"\n");
    assert_eq!(printed("ndjson"), "{\"a\":1,\"b\":\"x,\\\"y\",\"c\":null}\n{\"a\":2,\"b\":\"z\",\"c\":\"\"}\n");
    let json: serde_json::Value = serde_json::from_str(&printed("json")).unwrap();
    assert_eq!(json, serde_json::json!([{"a": 1, "b": "x,\"y", "c": null}, {"a": 2, "b": "z", "c": ""}]));
    assert!(printed("tsv").starts_with("a\tb\tc\n1\t"));
    assert!(printed("markdown").contains("| 1 | x,\"y |"), "{}", printed("markdown"));
    assert!(printed("table").contains("x,\"y"));
}

#[test]
fn binary_formats_are_read_by_others() {
    let cli = Cli::new();
    let arrow = cli.sql(SQL, &["--format", "arrow"]).succeeds().stdout;
    let batches: Vec<_> = StreamReader::try_new(arrow.as_slice(), None).unwrap().map(Result::unwrap).collect();
    let from_arrow = Answer::from_batches(&batches).unwrap();
    let parquet = Bytes::from(cli.sql(SQL, &["--format", "parquet"]).succeeds().stdout);
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap();
    let from_parquet = Answer::from_batches(&reader.map(Result::unwrap).collect::<Vec<_>>()).unwrap();
    assert_eq!(from_arrow, from_parquet);
    assert_eq!(from_arrow.columns, ["a", "b", "c"]);
    assert_eq!(from_arrow.rows.len(), 2);
}

#[test]
fn the_bill_is_on_standard_error_unless_quiet() {
    let cli = Cli::new();
    let run = cli.sql("SELECT 1 AS a", &["--format", "csv"]).succeeds();
    assert_eq!(run.text(), "a\n1\n");
    assert!(run.stderr.contains("Time "), "{}", run.stderr);
    assert!(run.stderr.contains("Athena: $"), "{}", run.stderr);
    assert_eq!(cli.sql("SELECT 1 AS a", &["--quiet"]).succeeds().stderr, "");
}

#[test]
fn sql_comes_from_a_flag_a_file_or_standard_input() {
    let cli = Cli::new();
    let file = cli.file("two.sql", "SELECT 1 AS a; -- one\nSELECT 2 AS b;");
    assert_eq!(
        cli.run(&["sql", "-f", file.to_str().unwrap(), "--format", "csv"]).succeeds().text().matches('\n').count(),
        4
    );
    assert_eq!(cli.run_with_input(&["sql", "--format", "csv"], "SELECT 3 AS c").succeeds().text(), "c\n3\n");
}

#[test]
fn exit_status_tells_a_failed_query_from_bad_usage() {
    let cli = Cli::new();
    assert_eq!(cli.sql("SELECT 1", &[]).code, 0);
    assert_eq!(cli.sql("SELECT nope", &[]).code, 1);
    assert_eq!(cli.sql("SELECT 1", &["--no-such-flag"]).code, 2);
    assert_eq!(cli.sql("SELECT 1", &["--format", "stone tablet"]).code, 2);
    assert_eq!(cli.run(&["sql", "-f", "missing.sql"]).code, 2);
    let mut command = cli.command(&["sql", "-c", "SELECT 1"]);
    let output = command.env("ARACHNE_COMPUTE__MAX_WORKERS", "many").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("max_workers") && message.contains("ARACHNE_COMPUTE__MAX_WORKERS"), "{message}");
}

#[test]
fn a_failed_statement_ends_a_script() {
    let cli = Cli::new();
    let run = cli.sql("SELECT 1 AS a; SELECT nope; SELECT 2 AS b", &["--format", "csv"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.text(), "a\n1\n");
}

#[test]
fn tables_outlive_the_process() {
    let cli = Cli::new();
    cli.file("fruit/a.csv", "name,grams\napple,150\npear,170\n");
    let location = format!("file://{}/fruit/", cli.home().display());
    let ddl = format!(
        "CREATE EXTERNAL TABLE fruit (name string, grams int) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' \
         STORED AS TEXTFILE LOCATION '{location}' TBLPROPERTIES ('skip.header.line.count'='1')"
    );
    cli.sql(&ddl, &[]).succeeds();
    assert_eq!(
        cli.sql("SELECT sum(grams) AS grams FROM fruit", &["--format", "csv"]).succeeds().text(),
        "grams\n320\n"
    );
    assert!(cli.sql("SHOW TABLES", &["--format", "csv"]).succeeds().text().contains("fruit"));
    let described = cli.sql("DESCRIBE fruit", &["--format", "csv"]).succeeds().text();
    assert!(described.contains("grams") && described.contains("int"), "{described}");
    assert_eq!(cli.sql(&ddl, &[]).code, 1, "a table is not made twice");
    cli.sql("DROP TABLE fruit", &[]).succeeds();
    assert!(cli.file("fruit/b.csv", "").parent().unwrap().join("a.csv").exists(), "dropping a table leaves its data");
    cli.sql("SELECT * FROM fruit", &[]).fails_saying(&["fruit"]);
}

#[test]
fn files_are_queried_without_a_table() {
    let cli = Cli::new();
    let file = cli.file("my data/fruit.csv", "name,grams\napple,150\npear,170\n");
    let sql = format!("SELECT name FROM '{}' WHERE grams > 160", file.display());
    assert_eq!(cli.sql(&sql, &["--format", "csv"]).succeeds().text(), "name\npear\n");
    let sql = format!("SELECT count(*) AS n FROM '{}/my data/'", cli.home().display());
    assert_eq!(cli.sql(&sql, &["--format", "csv"]).succeeds().text(), "n\n2\n");
    cli.file("near.csv", "n\n4\n5\n");
    assert_eq!(cli.sql("SELECT sum(n) AS total FROM 'near.csv'", &[]).succeeds().text(), "total\n9\n");
}

#[test]
fn the_program_says_what_it_is() {
    let cli = Cli::new();
    assert!(cli.run(&["--version"]).succeeds().text().starts_with("arachne "));
    let help = cli.run(&["--help"]).succeeds().text();
    for command in ["sql", "demo", "sandbox", "worker"] {
        assert!(help.contains(command), "{command} is not in {help}");
    }
}
