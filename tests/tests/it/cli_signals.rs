//! Ctrl-C.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use arachne_tests::cli::Cli;

#[test]
fn an_interrupt_ends_a_query_and_says_so_to_the_shell() {
    let cli = Cli::new();
    // Far more than anybody waits for.
    let sql = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1";
    let mut process = cli
        .command(&["sql", "-c", sql])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It catches signals only when it is up; a signal before that ends it as well, but not with this status.
    std::thread::sleep(Duration::from_secs(2));
    assert!(process.try_wait().unwrap().is_none(), "the query is still running");
    let asked = Instant::now();
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
    let status = process.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(60), "it took its time: {:?}", asked.elapsed());
    let mut stdout = String::new();
    process.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(status.code(), Some(130));
    assert!(stdout.lines().count() <= 1, "a header at most, and no count: {stdout}");
}
