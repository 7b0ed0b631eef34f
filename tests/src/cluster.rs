//! Workers of compute `cluster`: processes of this build's `arachne`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::time::Duration;

use crate::binaries;
use crate::sandbox::Sandbox;

/// Of a cluster that tests share: an uneven number, so that tasks are dealt out unevenly.
const SHARED_WORKERS: usize = 3;

/// Ends with this process, however that ends: a shell waits at the other end of a pipe. Statics are never dropped.
const GUARD: &str = r#""$0" "$@" < /dev/null & echo $!; cat > /dev/null; kill -9 $! 2> /dev/null"#;

/// Worker processes that see a sandbox as AWS.
#[derive(Debug)]
pub struct ClusterProcesses {
    pub workers: Vec<WorkerProcess>,
}

#[derive(Debug)]
pub struct WorkerProcess {
    /// `http://127.0.0.1:port`.
    pub url: String,
    pid: u32,
    /// What it has said on standard error.
    log: Arc<Mutex<Vec<String>>>,
    shell: Mutex<Child>,
}

impl ClusterProcesses {
    pub fn start(sandbox: &Sandbox, workers: usize) -> Self {
        Self { workers: (0..workers).map(|_| WorkerProcess::start(sandbox, &[])).collect() }
    }

    /// Those of a sandbox that all tests of this process share.
    pub fn of(sandbox: &Sandbox) -> Arc<Self> {
        static SHARED: LazyLock<Mutex<HashMap<String, Arc<ClusterProcesses>>>> = LazyLock::new(Mutex::default);
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let started = || Arc::new(Self::start(sandbox, SHARED_WORKERS));
        Arc::clone(shared.entry(sandbox.s3.url()).or_insert_with(started))
    }

    pub fn urls(&self) -> Vec<String> {
        self.workers.iter().map(|worker| worker.url.clone()).collect()
    }
}

impl WorkerProcess {
    /// `arachne worker --cluster … <arguments>`; returns when it listens.
    pub fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut shell = sandbox
            .command("sh".as_ref())
            .args(["-c", GUARD])
            .arg(binaries::arachne())
            .args(["worker", "--cluster", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .env("ARACHNE_LOG", "warn,arachne_engine=debug")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut stdout = BufReader::new(shell.stdout.take().expect("standard output"));
        let mut pid = String::new();
        stdout.read_line(&mut pid).expect("the shell names the worker's process");
        let log = Arc::new(Mutex::new(Vec::new()));
        let address = listen(shell.stderr.take().expect("standard error"), Arc::clone(&log));
        let url = address.recv_timeout(Duration::from_secs(120)).unwrap_or_else(|_| panic!("no worker: {log:?}"));
        Self { url, pid: pid.trim().parse().expect("a process id"), log, shell: Mutex::new(shell) }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).join("\n")
    }

    /// Sends `KILL`, `TERM`, …
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status();
        assert!(sent.expect("kill runs").success(), "process {} is there", self.pid);
    }

    /// Processor time that it has taken so far, of all its threads.
    pub fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).expect("the process is there");
        // Behind the name, which may hold anything: the 12th and 13th fields are user and system time in hundredths of a second.
        let fields = stat.rsplit_once(')').expect("a name").1.split_whitespace().skip(11).take(2);
        fields.map(|ticks| ticks.parse::<f64>().expect("a number") / 100.0).sum()
    }

    /// Whether the process is still there; a zombie is not.
    pub fn lives(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let mut shell = self.shell.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        drop(shell.stdin.take());
        shell.wait().ok();
    }
}

/// Reads standard error to its end; sends the address once it is said.
fn listen(stderr: impl Read + Send + 'static, log: Arc<Mutex<Vec<String>>>) -> mpsc::Receiver<String> {
    let (sender, address) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(said) = line.strip_prefix("worker listens on ") {
                sender.send(said.split(';').next().unwrap_or_default().to_owned()).ok();
            }
            log.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(line);
        }
    });
    address
}
