//! Who may come in: users, tokens, what is refused, and that no secret is shown.

use std::time::Duration;

use arachne_tests::cli::Cli;
use arachne_tests::guarded::{self, Guarded};
use arachne_tests::venv::Venv;
use base64::Engine as _;

const PASSWORD: &str = "correct horse battery";

#[test]
fn a_server_that_others_can_reach_wants_users_and_tls() {
    let cli = Cli::new();
    for flag in ["--address", "--flight-sql-address"] {
        let run = cli.run(&["serve", flag, "0.0.0.0:0"]);
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains("without authentication") && run.stderr.contains("loopback"), "{}", run.stderr);
    }
    let users = [("ACCESS__USERS__ANA__PASSWORD", guarded::hash(&cli, PASSWORD))];
    let mut serve = cli.command(&["serve", "--address", "0.0.0.0:0"]);
    let output = serve.envs(users.map(|(name, value)| (format!("ARACHNE_{name}"), value))).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("without TLS"), "{said}");
}

#[test]
fn curl_comes_in_by_password_and_by_token_and_not_without() {
    let cli = Cli::new();
    let (token, lines) = guarded::token(&cli, &["nightly", "--user", "etl", "--valid-for", "1h"]);
    let (old, old_lines) = guarded::token(&cli, &["old", "--user", "etl", "--valid-for", "1ms"]);
    let server = serve(&cli, &format!("{lines}\n{old_lines}"), &[]);
    let basic = |user: &str, password: &str| format!("{user}:{password}");
    let bearer = |token: &str| format!("Authorization: Bearer {token}");

    let answer = server.sql("SELECT 1 AS one", &["-u", &basic("ana", PASSWORD)]);
    assert_eq!((answer.status, answer.body.as_str()), (200, "one\n1\n"), "{answer:?}");
    assert_eq!(server.sql("SELECT 1", &["-H", &bearer(&token)]).status, 200);
    for refused in [
        vec![],
        vec!["-u", "ana:wrong"],
        vec!["-u", "nobody:wrong"],
        vec!["-u", "etl:"],
        vec!["-H", "Authorization: Basic ???"],
        vec!["-H", "Authorization: Digest x"],
        vec!["-H", &bearer(&old)],
        vec!["-H", &bearer(&format!("{token}x"))],
        vec!["-H", &bearer("v1.YW5h.99999999999999.AAAA")],
    ] {
        let answer = server.sql("SELECT 1", &refused);
        assert_eq!(answer.status, 401, "{refused:?} {answer:?}");
        let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["code"], "unauthenticated", "{problem}");
    }
    let unknown = server.sql("SELECT 1", &["-u", "nobody:x"]).body;
    assert_eq!(server.sql("SELECT 1", &["-u", "ana:x"]).body, unknown, "who exists is not told");
    let head = server.curl("/v1/queries", &["--include"]).body.to_lowercase();
    assert!(head.contains("www-authenticate: basic realm=\"arachne\""), "{head}");

    // The rest of the doors is shut too; whether the server is there may be asked.
    for path in ["/metrics", "/v1/queries", "/nowhere"] {
        assert_eq!(server.curl(path, &[]).status, 401, "{path}");
    }
    assert_eq!(server.curl("/health", &[]).status, 200);
    assert_eq!(server.curl("/metrics", &["-H", &bearer(&token)]).status, 200);
    // Who is known needs no host of this machine.
    assert_eq!(server.sql("SELECT 1", &["-H", &bearer(&token), "-H", "Host: db.example"]).status, 200);
}

#[test]
fn guessing_gets_slower_and_then_answers_429() {
    let cli = Cli::new();
    let server = serve(&cli, "", &[]);
    let statuses: Vec<u16> = (0..7).map(|_| server.sql("SELECT 1", &["-u", "ana:guess"]).status).collect();
    assert!(statuses[..5].iter().all(|status| *status == 401) && statuses.contains(&429), "{statuses:?}");
}

#[test]
fn queries_belong_to_who_came_in() {
    let cli = Cli::new();
    let server = serve(&cli, "[users.ben]\n", &[]);
    let ana = format!("ana:{PASSWORD}");
    assert_eq!(server.sql("SELECT 1", &["-u", &ana]).status, 200);
    let answer = server.curl("/v1/queries", &["-u", &ana]);
    assert!(answer.body.contains("\"ana\""), "{answer:?}");
}

#[test]
fn files_of_the_machine_are_not_the_users() {
    let cli = Cli::new();
    let path = cli.file("data/a.csv", "n\n1\n");
    let sql = format!("SELECT * FROM '{}'", path.display());
    let ana = format!("ana:{PASSWORD}");
    let server = serve(&cli, "", &[]);
    let answer = server.sql(&sql, &["-u", &ana]);
    assert!(answer.status == 403 && answer.body.contains("local_files"), "{answer:?}");
    drop(server);
    let server = serve(&cli, "", &[("ACCESS__LOCATIONS__LOCAL_FILES", "true")]);
    assert_eq!(server.sql(&sql, &["-u", &ana]).status, 200);
}

#[test]
fn python_requests_comes_in() {
    let cli = Cli::new();
    let (token, lines) = guarded::token(&cli, &["python", "--user", "etl"]);
    let server = serve(&cli, &lines, &[]);
    let script = format!(
        r#"
import requests
url = "{url}/v1/sql"
assert requests.post(url, data="SELECT 1").status_code == 401
with requests.Session() as session:
    session.auth = ("ana", "{PASSWORD}")
    for _ in range(20):
        answer = session.post(url, data="SELECT 1 AS one", headers={{"Accept": "text/csv"}})
        assert (answer.status_code, answer.text) == (200, "one\n1\n"), answer.text
answer = requests.post(url, data="SELECT 1", headers={{"Authorization": "Bearer {token}"}})
assert answer.status_code == 200, answer.text
"#,
        url = server.http
    );
    let output = Venv::http().command("python").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn no_secret_is_shown_anywhere() {
    let cli = Cli::new();
    let (token, lines) = guarded::token(&cli, &["nightly", "--user", "etl"]);
    let key = "planted-signing-key-4711";
    let mut shown = String::new();
    let server =
        serve(&cli, &lines, &[("LOG", "debug"), ("ACCESS__SIGNING_KEY", key), ("TELEMETRY__JSON_LOGS", "true")]);
    let (ana, bearer) = (format!("ana:{PASSWORD}"), format!("Authorization: Bearer {token}"));
    for arguments in [
        vec!["-u", &*ana],
        vec!["-H", &*bearer],
        vec!["-u", "ana:planted-guess"],
        vec!["-H", "Authorization: Bearer planted-guess"],
    ] {
        for (path, more) in [("/v1/sql", vec!["-d", "SELECT nope"]), ("/v1/queries", vec![]), ("/metrics", vec![])] {
            shown += &server.curl(path, &[arguments.clone(), more].concat()).body;
        }
    }
    shown += &server.said();
    let lines_of_log = server.said().lines().filter(|line| line.starts_with('{')).count();
    assert!(lines_of_log > 5, "{}", server.said());
    drop(server);
    let history = std::fs::read(cli.home().join("catalog.sqlite")).unwrap();
    shown += &String::from_utf8_lossy(&history);
    let hash = guarded::hash(&cli, PASSWORD);
    let sha256 = lines.lines().find_map(|line| line.strip_prefix("sha256 = ")).unwrap().trim_matches('\'').to_owned();
    for secret in [PASSWORD, &token, key, "planted-guess", &hash[..30], "argon2id", &sha256] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
    for secret in [&ana, "ana:planted-guess"] {
        assert!(!shown.contains(base64(secret).trim_end_matches('=')), "{secret} is shown encoded");
    }
}

#[test]
fn metrics_count_what_happened() {
    let cli = Cli::new();
    let server = Guarded::start(&cli, &[]);
    assert_eq!(server.sql("SELECT 1", &[]).status, 200);
    assert_eq!(server.sql("SELECT 1 +", &[]).status, 400);
    assert_eq!(server.curl("/v1/queries/some-id", &[]).status, 404);
    let mut text = String::new();
    // A query is counted when its end is written down.
    for _ in 0..200 {
        text = server.curl("/metrics", &[]).body;
        if text.contains("state=\"succeeded\"") && text.contains("state=\"failed\"") {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    for line in [
        r#"arachne_queries_total{state="succeeded",door="http"} 1"#,
        r#"arachne_queries_total{state="failed",door="http"} 1"#,
        r#"arachne_http_requests_total{method="POST",route="/v1/sql",status="200"} 1"#,
        r#"arachne_http_requests_total{method="GET",route="/v1/queries/{id}",status="404"} 1"#,
        "arachne_queries_running 0",
        "arachne_rows_total 1",
        r#"arachne_connections{door="http"}"#,
        "process_resident_memory_bytes",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains("some-id") && text.ends_with("# EOF\n"), "{text}");
}

/// A server that knows ana, by password, and etl, by token.
fn serve(cli: &Cli, more: &str, settings: &[(&str, &str)]) -> Guarded {
    let hash = guarded::hash(cli, PASSWORD);
    let credentials = cli.file("credentials.toml", format!("[users.etl]\n[users.ana]\npassword = '{hash}'\n{more}"));
    let path = credentials.display().to_string();
    Guarded::start(cli, &[&[("ACCESS__CREDENTIALS", path.as_str())], settings].concat())
}

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}
