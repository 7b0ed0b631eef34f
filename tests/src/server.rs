//! `arachne serve` as a process of its own, asked over plain sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::Value;

use crate::cli::Cli;

/// Nothing that is asked of a server takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Server {
    process: Child,
    client: Client,
    /// Its catalog goes when it goes.
    user_of_its_own: Option<Cli>,
}

/// Whoever asks a server.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: String,
    authorization: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Server {
    /// With a catalog of its own.
    pub fn alone(settings: &[(&str, &str)]) -> Self {
        let cli = Cli::new();
        let mut server = Self::start_with(&cli, settings);
        server.user_of_its_own = Some(cli);
        server
    }

    pub fn start(cli: &Cli) -> Self {
        Self::start_with(cli, &[])
    }

    /// With settings, as environment variables without their prefix: `LIMITS__CONCURRENT_QUERIES`.
    pub fn start_with(cli: &Cli, settings: &[(&str, &str)]) -> Self {
        let mut process = cli
            .command(&["serve", "--address", "127.0.0.1:0", "--flight-sql-address", "127.0.0.1:0"])
            // Endless queries are what many tests end with.
            .env("ARACHNE_SHUTDOWN__GRACE", "1s")
            .envs(settings.iter().map(|(name, value)| (format!("ARACHNE_{name}"), value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("arachne serve starts");
        let mut stderr = BufReader::new(process.stderr.take().expect("its standard error"));
        let mut line = String::new();
        stderr.read_line(&mut line).expect("it says where it listens");
        let address = line.split("http://").nth(1).unwrap_or_else(|| panic!("no address in {line:?}"));
        let end = address.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(address.len());
        let address = address[..end].to_owned();
        // What it says later goes to the test's output, and never fills the pipe.
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| eprintln!("serve: {line}")));
        let client = Client { address, authorization: None };
        Self { process, client, user_of_its_own: None }
    }

    /// One of its users.
    pub fn user(&self, name: &str, password: &str) -> Client {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        Client { authorization: Some(format!("Basic {pair}")), ..self.client.clone() }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes of memory that it holds now.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
        kilobytes * 1024
    }

    /// As a power failure ends it.
    pub fn kill(mut self) {
        self.process.kill().expect("it is killed");
        self.process.wait().expect("it ends");
    }
}

impl Client {
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut text = String::new();
        let mut connection = self.send(method, path, headers, body);
        connection.read_to_string(&mut text).expect("an answer");
        Reply::parse(&text)
    }

    /// Sends a request and does not wait for its answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut connection = TcpStream::connect(&self.address).expect("a connection");
        connection.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let authorization = self.authorization.as_deref().map(|value| ("Authorization", value));
        let headers: String =
            headers.iter().copied().chain(authorization).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (address, length) = (&self.address, body.len());
        // 1.0, so that bodies come as they are and not in chunks.
        let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n{headers}\r\n");
        connection.write_all(head.as_bytes()).expect("a request goes out");
        connection.write_all(body.as_bytes()).expect("a body goes out");
        connection
    }

    /// `POST /v1/sql`, rows as CSV.
    pub fn sql(&self, sql: &str) -> Reply {
        self.request("POST", "/v1/sql", &[("Accept", "text/csv")], sql)
    }

    /// `POST /v1/queries`.
    pub fn submit(&self, document: &Value) -> Reply {
        self.request("POST", "/v1/queries", &[], &document.to_string())
    }

    /// The id of a query that was taken.
    pub fn submitted(&self, document: &Value) -> String {
        let reply = self.submit(document);
        assert_eq!(reply.status, 202, "{reply:?}");
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    /// `GET /v1/queries/{id}`.
    pub fn query(&self, id: &str) -> Value {
        let reply = self.request("GET", &format!("/v1/queries/{id}"), &[], "");
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// `GET /v1/queries/{id}/results`, rows as CSV.
    pub fn results(&self, id: &str, page: &str) -> Reply {
        self.request("GET", &format!("/v1/queries/{id}/results{page}"), &[("Accept", "text/csv")], "")
    }

    /// `DELETE /v1/queries/{id}`.
    pub fn cancel(&self, id: &str) -> Reply {
        self.request("DELETE", &format!("/v1/queries/{id}"), &[], "")
    }

    /// Waits for one of these states and returns the query.
    pub fn wait_for(&self, id: &str, states: &[&str]) -> Value {
        let started = Instant::now();
        loop {
            let query = self.query(id);
            if states.iter().any(|state| query["state"] == **state) {
                return query;
            }
            assert!(started.elapsed() < PATIENCE, "waited in vain for {states:?}: {query}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().ok();
        }
        self.process.wait().ok();
    }
}

impl Reply {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(':'));
        Self {
            status: status.unwrap_or_else(|| panic!("no status in {head:?}")),
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect(),
            body: body.to_owned(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// Waits until something is so, for as long as nothing takes.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
