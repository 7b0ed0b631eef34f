//! Both doors where workers compute: compute `lambda` and compute `cluster`, asked by `flight/on_workers.py`.

use std::time::Duration;

use arachne_tests::cli::Cli;
use arachne_tests::cluster::ClusterProcesses;
use arachne_tests::guarded::Guarded;
use arachne_tests::sandbox::Sandbox;
use arachne_tests::server::wait_until;
use arachne_tests::tpch::{Dataset, Form, TABLES, ddl};
use arachne_tests::venv::Venv;

use crate::flight::run_script;

/// Tasks of a stage.
const TASKS: &str = "3";

const ANSWERS: [&str; 7] = [
    "test_answers_over_http_at_once",
    "test_a_query_is_followed_and_its_rows_are_kept",
    "test_values_over_http",
    "test_answers_over_flight_sql",
    "test_prepared_statements",
    "test_many_at_once_through_both_doors",
    "test_what_fails_on_a_worker_is_said",
];

const CANCELS: [&str; 5] = [
    "test_cancel_by_delete",
    "test_cancel_by_hanging_up",
    "test_cancel_by_driver",
    "test_cancel_by_dropping_the_stream",
    "test_cancel_by_another_door",
];

#[test]
fn lambda_answers_through_both_doors() {
    Served::by_lambda().runs(&ANSWERS);
}

#[test]
fn a_cancelled_query_leaves_no_invocation_whichever_door_it_was_cancelled_by() {
    let served = Served::by_lambda();
    for cancel in CANCELS {
        served.runs(&[cancel]);
        wait_until(&format!("no invocation is left after {cancel}"), || served.sandbox.lambda.under_way() == 0);
    }
    // The workers that are left are good for more.
    served.runs(&ANSWERS[..1]);
}

#[test]
fn a_cluster_answers_through_both_doors() {
    Served::by_cluster().runs(&ANSWERS);
}

#[test]
fn a_cancelled_query_leaves_no_worker_of_a_cluster_computing_whichever_door_it_was_cancelled_by() {
    let served = Served::by_cluster();
    for cancel in CANCELS {
        served.runs(&[cancel]);
        let workers = &served.cluster.as_ref().unwrap().workers;
        wait_until(&format!("the workers rest after {cancel}"), || {
            let spent = || -> f64 { workers.iter().map(|worker| worker.cpu_seconds()).sum() };
            let before = spent();
            std::thread::sleep(Duration::from_secs(1));
            spent() - before < 0.2
        });
    }
    served.runs(&ANSWERS[..1]);
}

/// A server, and what computes its queries.
struct Served {
    server: Guarded,
    compute: &'static str,
    cluster: Option<ClusterProcesses>,
    sandbox: Sandbox,
}

impl Served {
    fn by_lambda() -> Self {
        Self::start("lambda", None, Sandbox::start().unwrap())
    }

    fn by_cluster() -> Self {
        let sandbox = Sandbox::start().unwrap();
        let processes = ClusterProcesses::start(&sandbox, 2);
        Self::start("cluster", Some(processes), sandbox)
    }

    fn start(compute: &'static str, cluster: Option<ClusterProcesses>, sandbox: Sandbox) -> Self {
        let cli = Cli::in_sandbox(&sandbox);
        let url = sandbox.upload_tpch(Dataset::shared(), Form::Parquet).unwrap();
        for table in TABLES.iter().filter(|table| ["lineitem", "orders", "customer"].contains(&table.name)) {
            let location = format!("{url}{}/", table.name);
            cli.sql(&ddl(table, table.name, Form::Parquet, &location), &[]).succeeds();
        }
        let workers = cluster.as_ref().map(ClusterProcesses::urls).unwrap_or_default();
        let workers = format!("{workers:?}");
        let settings = [
            ("COMPUTE__MODE", compute),
            ("COMPUTE__CLUSTER__WORKERS", workers.as_str()),
            ("COMPUTE__LOCAL_BYTES", "0"),
            ("COMPUTE__TASKS_PER_STAGE", TASKS),
            ("SHUTDOWN__GRACE", "1s"),
        ];
        Self { server: Guarded::start_of(cli, &settings), compute, cluster, sandbox }
    }

    #[track_caller]
    fn runs(&self, tests: &[&str]) {
        let environment = [("COMPUTE", self.compute), ("TASKS", TASKS)];
        let local = Dataset::shared().form_dir(Form::Parquet);
        run_script(Venv::flight_sql(), "on_workers.py", &self.server, &local, tests, &environment);
    }
}
