//! Callers that are many, slow, or send too much; and a server that ends while it is used.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use arachne_tests::cli::Cli;
use arachne_tests::guarded::Guarded;

/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_thousand_idle_connections_do_not_hold_up_a_query() {
    let server = Guarded::alone(&[]);
    let idle: Vec<TcpStream> =
        (0..500).flat_map(|_| [connect(&address(&server)), connect(&server.flight_sql)]).collect();
    for _ in 0..3 {
        let answer = server.sql("SELECT 1 AS one", &[]);
        assert_eq!((answer.status, answer.body.as_str()), (200, "one\n1\n"), "{answer:?}");
    }
    let open = gauge(&server, "arachne_connections{door=\"http\"}")
        + gauge(&server, "arachne_connections{door=\"flight-sql\"}");
    assert!(open > 900, "{open} connections are open");
    drop(idle);
}

#[test]
fn more_connections_than_there_are_places_are_closed_and_room_comes_back() {
    let server = Guarded::alone(&[("HTTP__MAX_CONNECTIONS", "8")]);
    let mut idle: Vec<TcpStream> = (0..8).map(|_| connect(&address(&server))).collect();
    for connection in &mut idle {
        // Answered, so they have a place for sure.
        connection.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    assert!(is_closed(&mut connect(&address(&server))), "a ninth is closed");
    drop(idle);
    let is_back = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        server.curl("/health", &[]).status == 200
    });
    assert!(is_back);
}

#[test]
fn senders_of_a_byte_now_and_then_are_closed() {
    let settings = [("HTTP__HEADER_TIMEOUT", "1s"), ("HTTP__BODY_TIMEOUT", "1s")];
    let server = Guarded::alone(&settings);
    let mut silent = connect(&address(&server));
    let mut slow_head = connect(&address(&server));
    slow_head.write_all(b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\n").unwrap();
    let mut slow_body = connect(&address(&server));
    slow_body.write_all(b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nSELECT").unwrap();
    assert!(is_closed(&mut silent) && is_closed(&mut slow_head));
    assert!(all_of(&mut slow_body).starts_with("HTTP/1.1 408"));
    // A keep-alive connection that is not used any more.
    let mut idle = connect(&address(&server));
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert!(all_of(&mut idle).starts_with("HTTP/1.1 200"));
    assert_eq!(server.sql("SELECT 1", &[]).status, 200);
}

#[test]
fn a_client_that_reads_nothing_loses_its_query() {
    let server = Guarded::alone(&[("HTTP__WRITE_TIMEOUT", "1s")]);
    let sql = "SELECT value, value * 2 AS b FROM generate_series(1, 100000000000)";
    let head = format!("POST /v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{sql}", sql.len());
    let mut deaf = connect(&address(&server));
    deaf.write_all(head.as_bytes()).unwrap();
    wait_until_running(&server);
    let line = r#"arachne_queries_total{state="cancelled",door="http"} 1"#;
    let is_over = (0..3000).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        server.curl("/metrics", &[]).body.contains(line)
    });
    assert!(is_over, "its query goes on");
    assert_eq!(gauge(&server, "arachne_queries_running"), 0);
}

#[test]
fn heads_and_bodies_that_are_too_large_are_refused() {
    let cli = Cli::new();
    let server = Guarded::start(&cli, &[]);
    let large = cli.file("large", vec![b' '; 100_000_000]).display().to_string();
    let answer = server.curl("/v1/sql", &["--data-binary", &format!("@{large}")]);
    assert_eq!(answer.status, 413, "{answer:?}");
    let chunked = server
        .curl("/v1/sql", &["-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", &format!("@{large}")]);
    assert!(chunked.status == 413 || chunked.status == 0, "{chunked:?}");

    let mut many = connect(&address(&server));
    let headers: String = (0..500).map(|n| format!("x-{n}: 1\r\n")).collect();
    many.write_all(format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").as_bytes()).unwrap();
    assert!(all_of(&mut many).starts_with("HTTP/1.1 431"));
    let mut long = connect(&address(&server));
    // It may be closed before all of it is sent.
    let _ = long
        .write_all(format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)).as_bytes());
    let answer = all_of(&mut long);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");

    let mut cut = connect(&address(&server));
    cut.write_all(b"POST /v1/sql HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\nSELECT").unwrap();
    cut.shutdown(Shutdown::Write).unwrap();
    let answer = all_of(&mut cut);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    for junk in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\njunkjunkjunk",
    ] {
        for door in [address(&server), server.flight_sql.clone()] {
            let mut connection = connect(&door);
            connection.write_all(junk).unwrap();
            connection.shutdown(Shutdown::Write).unwrap();
            all_of(&mut connection);
        }
    }
    assert_eq!(server.sql("SELECT 1", &[]).status, 200);
    assert!(!server.said().contains("panic"), "{}", server.said());
}

#[test]
fn a_server_that_ends_lets_a_running_query_end() {
    let mut server = Guarded::alone(&[("SHUTDOWN__GRACE", "120s")]);
    // Takes a while, but not for ever.
    let sql = "SELECT count(*) AS n FROM generate_series(1, 300000000) a WHERE a.value % 7 = 1";
    let body = format!(
        "POST /v1/sql HTTP/1.0\r\nhost: localhost\r\naccept: text/csv\r\ncontent-length: {}\r\n\r\n{sql}",
        sql.len()
    );
    let mut running = connect(&address(&server));
    running.write_all(body.as_bytes()).unwrap();
    wait_until_running(&server);
    server.interrupt();
    let answer = all_of(&mut running);
    assert!(answer.contains("200 OK") && answer.ends_with("n\n42857143\n"), "{answer}");
    assert_eq!(server.wait(), 0, "{}", server.said());
    assert!(TcpStream::connect(address(&server)).is_err());
}

#[test]
fn a_query_that_does_not_end_in_time_is_cancelled() {
    let mut server = Guarded::alone(&[("SHUTDOWN__GRACE", "1s")]);
    let sql = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1";
    let mut running = connect(&address(&server));
    let body = format!("POST /v1/sql HTTP/1.0\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{sql}", sql.len());
    running.write_all(body.as_bytes()).unwrap();
    wait_until_running(&server);
    server.interrupt();
    let answer = all_of(&mut running);
    let is_whole = answer.contains("200 OK") && answer.trim_end().ends_with(']');
    assert!(!is_whole, "{answer}");
    assert_eq!(server.wait(), 0, "{}", server.said());
}

fn wait_until_running(server: &Guarded) {
    let is_running = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        gauge(server, "arachne_queries_running") == 1
    });
    assert!(is_running, "{}", server.said());
}

fn gauge(server: &Guarded, name: &str) -> u64 {
    let text = server.curl("/metrics", &[]).body;
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} is missing in {text}"));
    line.trim().parse().unwrap()
}

fn address(server: &Guarded) -> String {
    server.http.split("://").nth(1).unwrap().to_owned()
}

fn connect(address: &str) -> TcpStream {
    let connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    connection
}

/// Whether the other side closes it without a word that says all is well.
fn is_closed(connection: &mut TcpStream) -> bool {
    !all_of(connection).contains("200 OK")
}

/// Until the other side closes; not before the test's patience ends.
fn all_of(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = connection.read_to_end(&mut bytes) {
        assert!(
            !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
            "it is not closed"
        );
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
