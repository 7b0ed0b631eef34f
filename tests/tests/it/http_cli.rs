//! `arachne sql --url`: the same program, asking a server.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use arachne_tests::answer::Answer;
use arachne_tests::cli::{Cli, Run};
use arachne_tests::guarded;
use arachne_tests::server::{Server, wait_until};
use arrow::ipc::reader::StreamReader;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

const SQL: &str = "SELECT 1 AS a, 'x,\"y' AS b, CAST(NULL AS varchar) AS c, CAST(1.50 AS decimal(10,2)) AS d, [1, 2] AS l \
                   UNION ALL SELECT 2, 'z', '', NULL, NULL ORDER BY a";
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1";

#[test]
fn every_format_is_the_same_as_without_a_server() {
    let cli = Cli::new();
    let server = Server::alone(&[]);
    for format in ["csv", "tsv", "json", "ndjson", "markdown", "table"] {
        let here = cli.sql(SQL, &["--format", format]).succeeds().text();
        assert_eq!(there(&server, SQL, &["--format", format]).succeeds().text(), here, "{format}");
    }
    let arrow = there(&server, SQL, &["--format", "arrow"]).succeeds().stdout;
    let batches: Vec<_> = StreamReader::try_new(arrow.as_slice(), None).unwrap().map(Result::unwrap).collect();
    let parquet = Bytes::from(there(&server, SQL, &["--format", "parquet"]).succeeds().stdout);
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap().build().unwrap();
    let from_parquet = Answer::from_batches(&reader.map(Result::unwrap).collect::<Vec<_>>()).unwrap();
    assert_eq!(Answer::from_batches(&batches).unwrap(), from_parquet);
    let many = there(&server, "SELECT value AS n FROM generate_series(1, 300000) ORDER BY n", &["--format", "csv"]);
    assert_eq!(many.succeeds().text().lines().count(), 300_001);
    let none = there(&server, "SELECT 1 AS a WHERE false", &["--format", "csv"]);
    assert_eq!(none.succeeds().text(), "a\n");
}

#[test]
fn tables_settings_and_databases_are_the_server_s() {
    let server = Server::alone(&[]);
    let script = "CREATE DATABASE sales; USE sales; SET arachne.max_result_rows = 2; SHOW DATABASES;";
    let run = there(&server, script, &["--format", "csv"]).succeeds();
    assert!(run.text().contains("sales"), "{}", run.text());
    assert!(run.stderr.contains("Time ") && run.stderr.contains("Athena: $"), "the bill: {}", run.stderr);
    assert_eq!(there(&server, "SELECT 1 AS a", &["--quiet"]).succeeds().stderr, "");
    let over = "SET arachne.max_result_rows = 2; SELECT value FROM generate_series(1, 3)";
    there(&server, over, &[]).fails_saying(&["more than 2 rows"]);
    there(&server, "SET arachne.colour = 'red'", &[]).fails_saying(&["arachne.colour"]);
}

#[test]
fn errors_have_their_place_and_their_status() {
    let server = Server::alone(&[]);
    let run = there(&server, "SELECT 1;\n  SELECT\n nope", &["--format", "csv"]);
    let run = run.fails_saying(&["nope", "3 | ", "^"]);
    assert!(run.text().ends_with("\n1\n"), "{}", run.text());
    let cli = Cli::new();
    assert_eq!(cli.sql("SELECT 1", &["--url", "nowhere"]).code, 2);
    assert_eq!(cli.sql("SELECT 1", &["--url", "http://127.0.0.1:1", "--compute", "lambda"]).code, 2);
    cli.sql("SELECT 1", &["--url", "http://127.0.0.1:1"]).fails_saying(&["cannot reach http://127.0.0.1:1"]);
}

#[test]
fn ctrl_c_cancels_the_query_on_the_server() {
    let server = Server::alone(&[]);
    let cli = Cli::new();
    let mut program = cli
        .command(&["sql", "--url", &server.url(), "-c", ENDLESS])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let last = || server.request("GET", "/v1/queries?limit=1", &[], "").json()["queries"][0].clone();
    wait_until("it runs", || last()["state"] == "RUNNING");
    // Its progress is shown, as that of a query here is.
    let mut stderr = BufReader::new(program.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("scanned"), "{line}");
    Command::new("kill").args(["-INT", &program.id().to_string()]).status().unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(130));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("cancelled"), "{rest}");
    wait_until("it is cancelled", || last()["state"] == "CANCELLED");
}

#[test]
fn users_and_tokens_come_in() {
    let cli = Cli::new();
    let password = guarded::hash(&cli, "a long password");
    let server = Server::start_with(&cli, &[("ACCESS__USERS__ANN__PASSWORD", password.as_str())]);
    let refused = there(&server, "SELECT 1", &[]).fails_saying(&["--token"]);
    assert!(refused.stderr.contains("permission denied"), "{}", refused.stderr);
    let run = there(&server, "SELECT 1 AS a", &["--user", "ann:a long password", "--format", "csv"]);
    assert_eq!(run.succeeds().text(), "a\n1\n");
    let mut command =
        cli.command(&["sql", "--url", &server.url(), "--user", "ann", "-c", "SELECT 2 AS a", "--format", "csv"]);
    let output = command.env("ARACHNE_PASSWORD", "a long password").output().unwrap();
    assert_eq!(Run::from(output).succeeds().text(), "a\n2\n");
    there(&server, "SELECT 1", &["--user", "ann:wrong"]).fails_saying(&["permission denied"]);
    let mut command = cli.command(&["sql", "--url", &server.url(), "-c", "SELECT 1"]);
    let output = command.env("ARACHNE_TOKEN", "no token").output().unwrap();
    Run::from(output).fails_saying(&["permission denied"]);
}

/// `arachne sql --url ... -c SQL`, as a user without a catalog.
fn there(server: &Server, sql: &str, more: &[&str]) -> Run {
    Cli::new().sql(sql, &[&["--url", &server.url()], more].concat())
}
