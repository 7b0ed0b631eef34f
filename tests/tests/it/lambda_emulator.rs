//! Our function under another emulator of Lambda's Runtime API: `cargo lambda watch --only-lambda-apis`.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use arachne_tests::answer::{Order, assert_same};
use arachne_tests::binaries;
use arachne_tests::cli::{Cli, Run};
use arachne_tests::sandbox::{Sandbox, isolated};
use arachne_tests::tpch::{Dataset, Form};
use arachne_tests::venv::Venv;

/// The name that the emulator gives a function which it did not start itself.
const FUNCTION: &str = "_";

#[test]
fn the_function_runs_under_cargo_lambda() {
    let sandbox = Sandbox::shared();
    let cli = Cli::in_sandbox(sandbox);
    let url = sandbox.upload(&Dataset::shared().table_dir(Form::Parquet, "lineitem"), "emulator/lineitem").unwrap();
    let emulator = Emulator::start(&cli, 2);
    let _workers = [emulator.worker(sandbox), emulator.worker(sandbox)];

    let sql = "SELECT l_returnflag, l_linestatus, count(*), sum(l_extendedprice) FROM lineitem GROUP BY l_returnflag, l_linestatus";
    let mut command = cli.command(&[
        "sql",
        "--compute",
        "lambda",
        "--format",
        "arrow",
        "-c",
        &sql.replace("lineitem ", &format!("'{url}' ")),
    ]);
    command
        .args(["--set", "arachne.local_bytes=0", "--set", "arachne.tasks_per_stage=3"])
        .env("AWS_ENDPOINT_URL_LAMBDA", emulator.url())
        .env("ARACHNE_COMPUTE__LAMBDA__FUNCTION", FUNCTION);
    let run = Run::from(command.output().unwrap()).succeeds();
    let reader = arrow::ipc::reader::StreamReader::try_new(run.stdout.as_slice(), None).unwrap();
    let batches: Vec<_> = reader.map(Result::unwrap).collect();
    let actual = arachne_tests::answer::Answer::from_batches(&batches).unwrap();
    assert_same(&Dataset::shared().answers(&[sql]).unwrap()[0], &actual, Order::Any, sql);
    assert!(run.stderr.contains("3 tasks"), "{}", run.stderr);
}

struct Emulator {
    process: Child,
    port: u16,
}

impl Emulator {
    fn start(cli: &Cli, concurrency: u8) -> Self {
        // It wants to stand in a package, although it builds nothing of it.
        let manifest = cli.file(
            "package/Cargo.toml",
            "[package]\nname = \"nothing\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n",
        );
        cli.file("package/src/main.rs", "fn main() {}\n");
        // It takes no port 0. The port is free now; nobody else is likely to want it within the second.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = cli.home().join("emulator.log");
        let process = isolated(&Venv::cargo_lambda().program("cargo-lambda"))
            .args(["lambda", "watch", "--only-lambda-apis", "--invoke-address", "127.0.0.1"])
            .args(["--invoke-port", &port.to_string(), "--concurrency", &concurrency.to_string()])
            .current_dir(manifest.parent().unwrap())
            .stdin(Stdio::null())
            .stdout(File::create(&log).unwrap())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(60), "the emulator does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { process, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// One environment of the function, with the variables that the emulator tells its users to set.
    fn worker(&self, sandbox: &Sandbox) -> Ended {
        let mut command = sandbox.command(binaries::bootstrap());
        command
            .env("AWS_LAMBDA_RUNTIME_API", format!("{}/.rt", self.url()))
            .env("AWS_LAMBDA_FUNCTION_NAME", FUNCTION)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ended(command.spawn().unwrap())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It ends its own children on a signal that it can catch.
        Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().ok();
        self.process.wait().ok();
    }
}

/// A process that is killed at the end.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
