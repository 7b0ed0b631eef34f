//! The Flight SQL door, spoken to by the programs that people use. Each script says what it tries; a line for each of its tests is printed.

use std::path::Path;
use std::process::Command;

use arachne_tests::cli::Cli;
use arachne_tests::guarded::{self, Guarded};
use arachne_tests::venv::Venv;

#[test]
fn python_s_adbc_driver() {
    let server = Flight::open();
    server.runs(Venv::flight_sql(), "adbc.py", &[]);
}

#[test]
fn polars_pandas_duckdb_and_sqlalchemy_over_adbc() {
    let server = Flight::open();
    server.runs(Venv::flight_sql(), "frames.py", &[]);
}

/// No registry has the JDBC driver's jar, so its calls are sent in its order.
#[test]
fn the_calls_of_jdbc_and_odbc_and_what_nobody_should_send() {
    let server = Flight::open();
    server.runs(Venv::flightsql_dbapi(), "raw.py", &[]);
}

#[test]
fn flightsql_dbapi_and_its_sqlalchemy_dialect() {
    let server = Flight::open();
    server.runs(Venv::flightsql_dbapi(), "flightsql_dbapi.py", &[]);
}

#[test]
fn users_come_in_and_have_tickets_of_their_own() {
    let cli = Cli::new();
    let (ann, ben) = ("correct horse", "battery staple");
    let (ann_hash, ben_hash) = (guarded::hash(&cli, ann), guarded::hash(&cli, ben));
    let settings = format!(
        "[access]
         users = {{ ann = {{ password = '{ann_hash}' }}, ben = {{ password = '{ben_hash}' }} }}
         locations = {{ local_files = true }}
         grants = [
           {{ to = 'user:ann', on = '*', level = 'admin' }},
           {{ to = 'user:ben', on = 'shop.numbers', level = 'read' }},
         ]"
    );
    cli.file(".config/arachne/config.toml", settings);
    let server = Flight { server: Guarded::start(&cli, &[]), cli };
    server.runs(Venv::flight_sql(), "auth.py", &[("ANN", ann), ("BEN", ben)]);
}

#[test]
fn what_is_said_over_tls_is_said_to_this_server() {
    let cli = Cli::new();
    let (password, hash) = ("correct horse", guarded::hash(&cli, "correct horse"));
    let settings = [("ACCESS__USERS__ANN__PASSWORD", hash.as_str()), ("TLS__SELF_MADE", "true")];
    let server = Flight { server: Guarded::start(&cli, &settings), cli };
    let certificate = server.cli.home().join("server-cert.pem").display().to_string();
    server.runs(Venv::flight_sql(), "tls.py", &[("ANN", password), ("CERTIFICATE", &certificate)]);
}

/// A server with a catalog and a folder for data of its own.
struct Flight {
    server: Guarded,
    cli: Cli,
}

impl Flight {
    fn open() -> Self {
        let cli = Cli::new();
        Self { server: Guarded::start(&cli, &[]), cli }
    }

    #[track_caller]
    fn runs(&self, venv: &Venv, script: &str, environment: &[(&str, &str)]) {
        run_script(venv, script, &self.server, &self.cli.home().join("lake"), &[], environment);
    }
}

/// Runs the tests of a script, or those of them that are named.
#[track_caller]
pub(crate) fn run_script(
    venv: &Venv,
    script: &str,
    server: &Guarded,
    folder: &Path,
    tests: &[&str],
    environment: &[(&str, &str)],
) {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/flight");
    let http = server.http.split("://").nth(1).expect("an address");
    let output = Command::new(venv.program("python"))
        .args(["-B", "-X", "utf8"])
        .arg(scripts.join(script))
        .args([&server.flight_sql, http])
        .arg(folder)
        .args(tests)
        .envs(environment.iter().copied())
        .output()
        .expect("python runs");
    let (said, went_wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success() && said.contains("ok test_"), "{said}\n{went_wrong}\nserver: {}", server.said());
}
