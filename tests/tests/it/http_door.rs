//! `arachne serve`, asked over a plain socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use arachne_tests::cli::Cli;

#[test]
fn one_request_is_one_answer() {
    let server = Server::start(&Cli::new());
    let answer = server.post("SELECT 1 AS one, 'a,b' AS two", "text/csv");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("one,two") && answer.contains("1,\"a,b\""), "{answer}");
}

#[test]
fn a_wrong_statement_is_a_problem_with_its_place() {
    let server = Server::start(&Cli::new());
    let answer = server.post("SELECT 1,\n nope", "application/json");
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("nope"), "{answer}");
    assert!(answer.contains("\"line\":2"), "{answer}");
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let run = Cli::new().run(&["serve", "--address", "0.0.0.0:0"]);
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("loopback"), "{}", run.stderr);
}

struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(cli: &Cli) -> Self {
        let mut process = cli
            .command(&["serve", "--address", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap_or_else(|| panic!("no address in {line:?}"));
        let end = address.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(address.len());
        Self { process, address: address[..end].to_owned() }
    }

    fn post(&self, sql: &str, accept: &str) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        let head =
            format!("Host: {}\r\nAccept: {accept}\r\nContent-Length: {}\r\nConnection: close", self.address, sql.len());
        write!(connection, "POST /v1/sql HTTP/1.1\r\n{head}\r\n\r\n{sql}").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        Command::new("kill").args(["-INT", &self.process.id().to_string()]).status().ok();
        self.process.wait().ok();
    }
}
