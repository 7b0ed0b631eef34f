//! S3 that refuses, lacks or changes what a query wants.

use std::sync::Arc;

use arachne_engine::ErrorCode;
use arachne_tests::cli::Cli;
use arachne_tests::engine::{Engine, Width};
use arachne_tests::meddling::ReplacedWhileRead;
use arachne_tests::sandbox::{LAKE, Sandbox};
use arachne_tests::tpch::{Dataset, Form};

#[test]
fn a_bucket_that_does_not_exist_is_named() {
    Cli::in_sandbox(Sandbox::shared())
        .sql("SELECT * FROM 's3://no-such-bucket/x/'", &[])
        .fails_saying(&["not found", "no-such-bucket"]);
}

#[test]
fn access_denied_says_what_is_denied() {
    Cli::in_sandbox(Sandbox::shared())
        .sql("SELECT * FROM 's3://forbidden/x/'", &[])
        .fails_saying(&["permission denied", "forbidden"]);
}

#[test]
fn wrong_credentials_are_refused_without_being_shown() {
    let cli = Cli::in_sandbox(Sandbox::shared());
    let mut command = cli.command(&["sql", "-c", "SELECT * FROM 's3://lake/x/'"]);
    let output = command.env("AWS_SECRET_ACCESS_KEY", "hunter2-not-the-secret").output().unwrap();
    let run = arachne_tests::cli::Run::from(output).fails_saying(&["permission denied"]);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn no_credentials_are_asked_for() {
    Cli::new().sql("SELECT * FROM 's3://lake/x/'", &[]).fails_saying(&[
        "permission denied",
        "credentials",
        "AWS_ACCESS_KEY_ID",
    ]);
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_fails_the_query() {
    let sandbox = Sandbox::shared();
    let data = Dataset::shared();
    let file =
        |part| std::fs::read(data.table_dir(Form::Parquet, "lineitem").join(format!("part-{part}.parquet"))).unwrap();
    for (number, engine) in
        [Engine::embedded(), Engine::tasks(Width { tasks: 3, partitions: 2 })].into_iter().enumerate()
    {
        let key = format!("changing/{number}.parquet");
        sandbox.put(&key, file(1));
        // The first read is the footer's, when the query is planned.
        let store = Arc::new(ReplacedWhileRead::new(sandbox.bucket(LAKE), &key, file(2).into(), 2));
        let engine = engine.with_store(LAKE, store.clone());
        let sql = format!("SELECT sum(l_extendedprice), max(l_comment) FROM 's3://lake/{key}'");
        let error = engine.run(&sql).expect_err("rows of two versions");
        assert!(store.is_replaced());
        assert_eq!(error.code, ErrorCode::InvalidData, "{number}: {error}");
        assert!(error.message.contains(&key) && error.message.contains("changed"), "{number}: {error}");
        engine.run(&sql).expect("the new version is read");
    }
}

#[test]
fn odd_object_names_are_found_in_s3_as_well() {
    let sandbox = Sandbox::shared();
    let engine = Engine::tasks(Width { tasks: 2, partitions: 2 }).with_bucket(sandbox, LAKE);
    for (number, name) in ["with space", "a=b", "100%", "x+y", "%20", "grüße/日本"].iter().enumerate() {
        sandbox.put(&format!("odd{number}/{name}/data {name}.csv"), "k,v\n1,10\n2,20\n");
        let sql = format!("SELECT sum(v) FROM 's3://lake/odd{number}/{name}/'");
        let answer = engine.run(&sql).unwrap_or_else(|error| panic!("{sql}: {error}")).answer;
        assert_eq!(answer.rows[0][0].to_string(), "30", "{sql}");
    }
}
