//! `arachne sandbox` in one process, the AWS CLI and `arachne sql --compute lambda` in others: the README's walk.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use arachne_tests::answer::{Order, assert_same};
use arachne_tests::cli::{Cli, Run};
use arachne_tests::sandbox::{LAKE, Sandbox, isolated};
use arachne_tests::tpch::{Dataset, Form};
use arachne_tests::venv::Venv;

#[test]
fn files_put_there_with_the_aws_cli_are_queried_by_workers() {
    let cli = Cli::new();
    let sandbox = RunningSandbox::start(&cli);
    let lineitem = Dataset::shared().table_dir(Form::Parquet, "lineitem");
    sandbox.aws(&["s3", "mb", "s3://my-lake"]);
    sandbox.aws(&["s3", "cp", "--recursive", lineitem.to_str().unwrap(), "s3://my-lake/lineitem/"]);

    let sql = "SELECT l_returnflag, count(*) AS n, sum(l_quantity) AS q FROM 's3://my-lake/lineitem/' GROUP BY l_returnflag ORDER BY 1";
    let run = sandbox.sql(
        &cli,
        sql,
        &["--compute", "lambda", "--set", "arachne.local_bytes=0", "--set", "arachne.tasks_per_stage=3"],
    );
    let expected = Dataset::shared().answers(&[&sql.replace("'s3://my-lake/lineitem/'", "lineitem")]).unwrap();
    let lines: Vec<_> = run.text().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "l_returnflag,n,q");
    assert_eq!(lines.len() - 1, expected[0].rows.len());
    assert!(run.stderr.contains(" tasks"), "the workers did it: {}", run.stderr);
    assert!(run.stderr.contains("GB-s"), "{}", run.stderr);
    assert_eq!(run.text(), sandbox.sql(&cli, sql, &["--compute", "embedded"]).text());
}

#[test]
fn an_aws_profile_is_enough_to_read_s3() {
    let sandbox = Sandbox::shared();
    sandbox.put("profile/a.csv", "n\n1\n2\n");
    let cli = Cli::in_sandbox(sandbox);
    let environment: HashMap<_, _> = sandbox.environment().iter().cloned().collect();
    let (key, secret) = (&environment["AWS_ACCESS_KEY_ID"], &environment["AWS_SECRET_ACCESS_KEY"]);
    let keys =
        cli.file(".aws/credentials", format!("[work]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"));
    let config = cli.file(".aws/config", format!("[profile work]\nregion = {}\n", environment["AWS_REGION"]));
    let sql = format!("SELECT sum(n) AS total FROM 's3://{LAKE}/profile/a.csv'");
    let mut command = cli.command(&["sql", "-c", &sql]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"] {
        command.env_remove(name);
    }
    command.env("AWS_SHARED_CREDENTIALS_FILE", keys).env("AWS_CONFIG_FILE", config);
    let run: Run = command.env("AWS_PROFILE", "work").stdin(Stdio::null()).output().unwrap().into();
    assert_eq!((run.code, run.text().as_str()), (0, "total\n3\n"), "{}", run.stderr);
}

#[test]
fn a_table_is_created_and_queried_from_separate_processes() {
    let sandbox = Sandbox::shared();
    let cli = Cli::in_sandbox(sandbox);
    let orders = sandbox.upload(&Dataset::shared().table_dir(Form::Parquet, "orders"), "cli-lambda/orders").unwrap();
    assert_eq!(orders, format!("s3://{LAKE}/cli-lambda/orders/"));
    let columns = "o_orderkey bigint, o_custkey bigint, o_orderstatus string, o_totalprice decimal(15,2)";
    cli.sql(&format!("CREATE EXTERNAL TABLE orders ({columns}) STORED AS PARQUET LOCATION '{orders}'"), &[]).succeeds();
    let sql = "SELECT o_orderstatus, count(*), sum(o_totalprice) FROM orders GROUP BY o_orderstatus";
    let lambda = [
        "--compute",
        "lambda",
        "--set",
        "arachne.local_bytes=0",
        "--set",
        "arachne.tasks_per_stage=2",
        "--format",
        "arrow",
    ];
    let run = cli.sql(sql, &lambda).succeeds();
    let reader = arrow::ipc::reader::StreamReader::try_new(run.stdout.as_slice(), None).unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let actual = arachne_tests::answer::Answer::from_batches(&batches).unwrap();
    assert_same(&Dataset::shared().answers(&[sql]).unwrap()[0], &actual, Order::Any, sql);
}

/// `arachne sandbox` in the foreground of a process of its own.
struct RunningSandbox {
    process: Child,
    environment: HashMap<String, String>,
}

impl RunningSandbox {
    /// Starts it and waits until it says that it is ready: it closes nothing, so the file it writes is polled for.
    fn start(cli: &Cli) -> Self {
        let file = cli.home().join("sandbox.env");
        let data = cli.home().join("sandbox");
        let mut process = cli
            .command(&["sandbox", "--env-file", file.to_str().unwrap(), "--dir", data.to_str().unwrap()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(process.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            said.push_str(&line);
            said.push('\n');
            if line.contains("ready") {
                break;
            }
        }
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{error}: {said}"));
        let environment = text.lines().filter_map(exported).collect();
        Self { process, environment }
    }

    fn aws(&self, arguments: &[&str]) {
        let output = self.pointed_here(isolated(&Venv::aws_cli().program("aws")).args(arguments)).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn sql(&self, cli: &Cli, sql: &str, more: &[&str]) -> Run {
        let mut command = cli.command(&["sql", "--format", "csv", "-c", sql]);
        Run::from(self.pointed_here(command.args(more)).output().unwrap()).succeeds()
    }

    fn pointed_here<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(&self.environment)
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        // As Ctrl-C does: it has processes of its own to end.
        Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().ok();
        self.process.wait().ok();
    }
}

/// `export NAME=value`, with or without quotes.
fn exported(line: &str) -> Option<(String, String)> {
    let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
    Some((name.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
}
