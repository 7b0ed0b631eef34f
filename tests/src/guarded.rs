//! `arachne serve` with users, tokens and TLS, asked by programs that people use.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::cli::Cli;

/// Nothing that is asked of a server takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Guarded {
    process: Child,
    /// `https://127.0.0.1:1234`.
    pub http: String,
    /// `127.0.0.1:1235`.
    pub flight_sql: String,
    said: Arc<Mutex<String>>,
    /// Its catalog goes when it goes.
    user_of_its_own: Option<Cli>,
}

/// What curl got.
#[derive(Debug)]
pub struct Answer {
    /// 0 when there was none.
    pub status: u16,
    pub body: String,
    pub stderr: String,
}

impl Guarded {
    /// With a catalog of its own.
    pub fn alone(settings: &[(&str, &str)]) -> Self {
        Self::start_of(Cli::new(), settings)
    }

    /// Of a user who is not needed otherwise.
    pub fn start_of(cli: Cli, settings: &[(&str, &str)]) -> Self {
        let mut server = Self::start(&cli, settings);
        server.user_of_its_own = Some(cli);
        server
    }

    /// With settings, as environment variables without their prefix.
    pub fn start(cli: &Cli, settings: &[(&str, &str)]) -> Self {
        let mut process = cli
            .command(&["serve", "--address", "127.0.0.1:0", "--flight-sql-address", "127.0.0.1:0"])
            .envs(settings.iter().map(|(name, value)| (format!("ARACHNE_{name}"), value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("arachne serve starts");
        let said = Arc::new(Mutex::new(String::new()));
        let lines = collect(&mut process, &said);
        let address = |scheme: &str| {
            let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error}: {said:?}"));
            let at = line.find(scheme).unwrap_or_else(|| panic!("no {scheme} in {line:?}"));
            let end = line[at..].find(|c: char| c == ';' || c.is_whitespace()).map_or(line.len(), |end| at + end);
            line[at..end].to_owned()
        };
        let http = address("http");
        let flight_sql = address("grpc").split("://").nth(1).expect("an address").to_owned();
        Self { process, http, flight_sql, said, user_of_its_own: None }
    }

    /// All of its standard error up to now.
    pub fn said(&self) -> String {
        self.said.lock().expect("no panic").clone()
    }

    pub fn port(&self) -> u16 {
        self.http.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    /// `curl ARGUMENTS... URL`, where the URL is that of a path.
    pub fn curl(&self, path: &str, arguments: &[&str]) -> Answer {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "100", "--write-out", "\n%{http_code}"]);
        let output = curl.args(arguments).arg(format!("{}{path}", self.http)).output().expect("curl runs");
        Answer::of(&output)
    }

    /// `POST /v1/sql`, rows as CSV.
    pub fn sql(&self, sql: &str, arguments: &[&str]) -> Answer {
        self.curl("/v1/sql", &[&["-H", "Accept: text/csv", "-d", sql], arguments].concat())
    }

    /// Asks it to end as Ctrl-C does.
    pub fn interrupt(&self) {
        Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().expect("kill runs");
    }

    /// Waits for its end and returns its status.
    pub fn wait(&mut self) -> i32 {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().expect("its status") {
                return status.code().unwrap_or(-1);
            }
            assert!(started.elapsed() < PATIENCE, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            self.interrupt();
        }
        self.process.wait().ok();
    }
}

fn collect(process: &mut Child, said: &Arc<Mutex<String>>) -> Receiver<String> {
    let stderr = BufReader::new(process.stderr.take().expect("its standard error"));
    let said = Arc::clone(said);
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in stderr.lines().map_while(Result::ok) {
            let mut said = said.lock().expect("no panic");
            said.push_str(&line);
            said.push('\n');
            if line.starts_with("arachne listens") {
                sender.send(line).ok();
            }
        }
    });
    lines
}

impl Answer {
    fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or((&text, "0"));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { status: status.parse().unwrap_or(0), body: body.to_owned(), stderr }
    }
}

/// What `arachne password` makes of a password.
pub fn hash(cli: &Cli, password: &str) -> String {
    let run = cli.run_with_input(&["password"], &format!("{password}\n"));
    assert_eq!(run.code, 0, "{}", run.stderr);
    String::from_utf8(run.stdout).expect("text").trim().to_owned()
}

/// What `arachne token` makes: the token, and its lines for the credentials file.
pub fn token(cli: &Cli, arguments: &[&str]) -> (String, String) {
    let run = cli.run(&[&["token"], arguments].concat());
    assert_eq!(run.code, 0, "{}", run.stderr);
    (String::from_utf8(run.stdout).expect("text").trim().to_owned(), run.stderr)
}

/// An authority of certificates, and what it has signed, by openssl.
pub struct Authority<'a> {
    dir: &'a Path,
}

impl<'a> Authority<'a> {
    /// Makes `ca.pem` in a folder.
    pub fn new(dir: &'a Path) -> Self {
        let authority = Self { dir };
        authority.openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=test authority",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
        ]);
        authority
    }

    /// Makes `NAME.pem` and `NAME.key`, for this common name.
    pub fn sign(&self, name: &str, common_name: &str) {
        let (key, request, pem) = (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        let subject = format!("/CN={common_name}");
        self.openssl(&[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        // Without an extension openssl writes certificates of version 1, which rustls does not take.
        std::fs::write(self.dir.join("extensions"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").expect("a file");
        self.openssl(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "extensions",
            "-out",
            &pem,
        ]);
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl").args(arguments).current_dir(self.dir).output().expect("openssl runs");
        assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
