//! TLS: self-made and from files, and certificates of clients.

use std::process::Command;

use arachne_tests::cli::Cli;
use arachne_tests::guarded::{self, Authority, Guarded};
use arachne_tests::server::wait_until;

#[test]
fn a_self_made_certificate_is_trusted_by_its_file_and_shown_by_its_fingerprint() {
    let cli = Cli::new();
    let server = Guarded::start(&cli, &[("TLS__SELF_MADE", "true")]);
    assert!(server.http.starts_with("https://"), "{}", server.http);
    let file = cli.home().join("server-cert.pem");
    let cert = file.display().to_string();
    for version in ["--tlsv1.2", "--tlsv1.3", "--http1.1", "--http2"] {
        let answer = server.sql("SELECT 1 AS one", &["--cacert", &cert, version]);
        assert_eq!((answer.status, answer.body.as_str()), (200, "one\n1\n"), "{version} {answer:?}");
    }
    let named =
        server.curl("/health", &["--cacert", &cert, "--resolve", &format!("localhost:{}:127.0.0.1", server.port())]);
    assert_eq!(named.status, 200, "{named:?}");
    // Nobody else trusts it, and nobody talks to it in the clear.
    assert_eq!(server.curl("/health", &[]).status, 0);
    let plain = Command::new("curl")
        .args(["-s", "--max-time", "20", &format!("http://127.0.0.1:{}/health", server.port())])
        .output()
        .unwrap();
    assert!(!plain.status.success() || plain.stdout.is_empty(), "{plain:?}");

    let shown =
        Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256", "-in", &cert]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let fingerprint = shown.trim().split('=').nth(1).unwrap();
    assert!(server.said().contains(fingerprint), "{fingerprint} in {}", server.said());
    let before = std::fs::read(&file).unwrap();
    drop(server);
    drop(Guarded::start(&cli, &[("TLS__SELF_MADE", "true")]));
    assert_eq!(std::fs::read(&file).unwrap(), before, "it is kept");
}

#[test]
fn a_clients_certificate_says_who_it_is() {
    let cli = Cli::new();
    let authority = Authority::new(cli.home());
    authority.sign("server", "localhost");
    authority.sign("ana", "ana");
    authority.sign("stranger", "stranger");
    let other = tempfile::tempdir().unwrap();
    Authority::new(other.path()).sign("forged", "ana");
    for file in ["forged.pem", "forged.key"] {
        std::fs::copy(other.path().join(file), cli.home().join(file)).unwrap();
    }
    let path = |name: &str| cli.home().join(name).display().to_string();
    let (ca, cert, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
    let (token, lines) = guarded::token(&cli, &["t", "--user", "etl"]);
    let credentials = cli.file("credentials.toml", format!("[users.ana]\n[users.etl]\n{lines}")).display().to_string();
    let settings = [
        ("TLS__CERT", cert.as_str()),
        ("TLS__KEY", key.as_str()),
        ("TLS__CLIENT_CA", ca.as_str()),
        ("ACCESS__CREDENTIALS", credentials.as_str()),
    ];
    let server = Guarded::start(&cli, &settings);
    let by = |name: &str| -> Vec<String> {
        ["--cacert", &ca, "--cert", &path(&format!("{name}.pem")), "--key", &path(&format!("{name}.key"))]
            .map(String::from)
            .to_vec()
    };
    let sql = |server: &Guarded, arguments: &[String]| {
        server.sql("SELECT 1 AS one", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let bearer = ["-H".to_owned(), format!("Authorization: Bearer {token}")];
    let with_ca = ["--cacert".to_owned(), ca.clone()];
    assert_eq!(sql(&server, &by("ana")).status, 200);
    assert!(
        server.curl("/v1/queries", &by("ana").iter().map(String::as_str).collect::<Vec<_>>()).body.contains("\"ana\"")
    );
    assert_eq!(sql(&server, &by("stranger")).status, 401);
    assert_eq!(sql(&server, &by("forged")).status, 0, "another authority's is not taken");
    assert_eq!(sql(&server, &with_ca).status, 401);
    assert_eq!(sql(&server, &[&with_ca[..], &bearer].concat()).status, 200);
    drop(server);

    let required = [&settings[..], &[("TLS__CLIENT_CERTIFICATE_REQUIRED", "true")]].concat();
    let server = Guarded::start(&cli, &required);
    assert_eq!(sql(&server, &[&with_ca[..], &bearer].concat()).status, 0);
    assert_eq!(sql(&server, &by("ana")).status, 200);
}

#[test]
fn a_renewed_certificate_and_other_users_are_taken_up_while_the_server_runs() {
    let cli = Cli::new();
    let authority = Authority::new(cli.home());
    authority.sign("server", "localhost");
    let path = |name: &str| cli.home().join(name).display().to_string();
    let (ca, cert, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
    let hash = guarded::hash(&cli, "a long password");
    let users = |names: &[&str]| {
        let entries = names.iter().map(|name| format!("[users.{name}]\npassword = '{hash}'\n"));
        cli.file("credentials.toml", entries.collect::<String>()).display().to_string()
    };
    let credentials = users(&["ana"]);
    let server = Guarded::start(
        &cli,
        &[("TLS__CERT", cert.as_str()), ("TLS__KEY", key.as_str()), ("ACCESS__CREDENTIALS", credentials.as_str())],
    );
    let status =
        |user: &str| server.sql("SELECT 1", &["--cacert", &ca, "-u", &format!("{user}:a long password")]).status;
    let shown = |address: &str| {
        let output = Command::new("openssl")
            .args(["s_client", "-connect", address, "-alpn", "h2", "-servername", "localhost"])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split("-----BEGIN CERTIFICATE-----").nth(1).expect("a certificate").trim()[..200].to_owned()
    };
    let doors = [format!("127.0.0.1:{}", server.port()), server.flight_sql.clone()];
    let before = shown(&doors[0]);
    assert_eq!((status("ana"), status("ben")), (200, 401));

    // Half of it cannot be used: what was there stays.
    authority.sign("renewed", "localhost");
    std::fs::copy(path("renewed.pem"), &cert).unwrap();
    wait_until("it says that it cannot use it", || server.said().contains("the certificates stay as they were"));
    assert_eq!((shown(&doors[0]), status("ana")), (before.clone(), 200));
    std::fs::copy(path("renewed.key"), &key).unwrap();
    wait_until("the new certificate is shown", || doors.iter().all(|door| shown(door) != before));
    assert_eq!(shown(&doors[0]), shown(&doors[1]));
    assert_eq!(status("ana"), 200);

    users(&["ben"]);
    wait_until("ben comes in", || status("ben") == 200);
    assert_eq!(status("ana"), 401);
    cli.file("credentials.toml", "[users.ben");
    wait_until("it says that it cannot read it", || server.said().contains("the users and tokens stay as they were"));
    assert_eq!(status("ben"), 200);
}

#[test]
fn half_of_tls_is_an_error_that_says_what_is_missing() {
    let cli = Cli::new();
    let junk = cli.file("junk.pem", "junk").display().to_string();
    for (settings, named) in [
        (vec![("ARACHNE_TLS__CERT", junk.as_str())], "tls.key"),
        (vec![("ARACHNE_TLS__CERT", junk.as_str()), ("ARACHNE_TLS__KEY", junk.as_str())], "junk.pem"),
        (vec![("ARACHNE_TLS__CLIENT_CA", junk.as_str())], "tls.cert"),
        (vec![("ARACHNE_TLS__SELF_MADE", "true"), ("ARACHNE_TLS__CLIENT_CA", junk.as_str())], "junk.pem"),
        (vec![("ARACHNE_TLS__CLIENT_CERTIFICATE_REQUIRED", "true"), ("ARACHNE_TLS__SELF_MADE", "true")], "client_ca"),
    ] {
        let output = cli
            .command(&["serve", "--address", "127.0.0.1:0", "--flight-sql-address", "127.0.0.1:0"])
            .envs(settings.clone())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(named), "{settings:?}: {said}");
    }
}
