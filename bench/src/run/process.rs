//! One engine's process, spoken to line by line.

use std::collections::VecDeque;
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::job::Event;

/// Lines of standard error that a failure shows at most.
const LAST_WORDS: usize = 5;
/// What it may take to end once it was told to.
const GRACE: Duration = Duration::from_secs(10);
/// Attempts to remove its temporary files.
const REMOVALS: usize = 20;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(20);

/// Ends with this value, and its children with it: it is a process group of its own. What it left among temporary files goes, too.
pub(crate) struct EngineProcess {
    child: Child,
    group: u32,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    said: Arc<Mutex<VecDeque<String>>>,
    ended: bool,
    /// Its `TMPDIR`: engines leave caches and spilled rows there.
    temporary: Option<TempDir>,
}

/// Why there is no time to show, in words for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure(pub(crate) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl EngineProcess {
    /// Its temporary files go to a folder of its own below `scratch`.
    pub(crate) fn start(mut command: Command, scratch: &Path) -> Result<Self> {
        let temporary = TempDir::with_prefix_in("engine-", scratch)?;
        command.env("TMPDIR", temporary.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
        let said = Arc::default();
        tokio::spawn(listen(child.stderr.take().context("standard error")?, Arc::clone(&said)));
        Ok(Self {
            group: child.id().context("a process id")?,
            input: child.stdin.take().context("standard input")?,
            output: BufReader::new(child.stdout.take().context("standard output")?).lines(),
            child,
            said,
            ended: false,
            temporary: Some(temporary),
        })
    }

    pub(crate) async fn go(&mut self) -> Result<(), Failure> {
        let sent = self.input.write_all(b"go\n").await;
        sent.map_err(|_| Failure(self.last_words("it ended before it was asked")))
    }

    /// The next event, within so much time.
    pub(crate) async fn next(&mut self, within: Duration) -> Result<Event, Failure> {
        let line = match timeout(within, self.output.next_line()).await {
            Err(_) => return Err(Failure(format!("took more than {} s", within.as_secs()))),
            Ok(Err(error)) => return Err(Failure(format!("its output cannot be read: {error}"))),
            Ok(Ok(None)) => {
                let status = timeout(GRACE, self.child.wait()).await.ok().and_then(Result::ok);
                let status = status.map_or_else(|| "closed its output".to_owned(), |status| status.to_string());
                return Err(Failure(self.last_words(&format!("ended: {status}"))));
            }
            Ok(Ok(Some(line))) => line,
        };
        match serde_json::from_str(&line) {
            Ok(Event::Failed { message }) => Err(Failure(one_line(&message))),
            Ok(event) => Ok(event),
            Err(_) => Err(Failure(format!("said what is not in the protocol: {}", one_line(&line)))),
        }
    }

    /// Tells it to end, and waits for that for a while.
    pub(crate) async fn end(mut self) {
        self.input.write_all(b"end\n").await.ok();
        self.ended = timeout(GRACE, self.child.wait()).await.is_ok();
    }

    fn last_words(&self, what: &str) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        one_line(&format!("{what}: {}", said.join(" / ")))
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        // The group may outlive its first process; one that is gone is no error.
        let mut kill = Command::new("kill");
        kill.args(["-KILL", "--", &format!("-{}", self.group)]).stdout(Stdio::null()).stderr(Stdio::null());
        if kill.status().is_err() && !self.ended {
            self.child.start_kill().ok();
        }
        // What was killed is gone a little later and may write until then.
        if let Some(temporary) = self.temporary.take() {
            remove(temporary.path());
        }
    }
}

/// Tries until it is gone, for a while; what stays goes with the scratch folder.
fn remove(folder: &Path) {
    for _ in 0..REMOVALS {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => std::thread::sleep(BETWEEN_REMOVALS),
            _ => return,
        }
    }
}

async fn listen(stderr: impl AsyncRead + Unpin, said: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == LAST_WORDS {
            said.pop_front();
        }
        said.push_back(line);
    }
}

/// At most 300 characters, fit for a table.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "/").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processes::Process;

    const SOON: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> EngineProcess {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        EngineProcess::start(command, &std::env::temp_dir()).unwrap()
    }

    #[tokio::test]
    async fn events_come_as_they_are_said() {
        let mut process = shell(
            r#"echo '{"event":"ready","version":"7"}'; read line; echo "{\"event\":\"run\",\"seconds\":0.5,\"rows\":${#line}}""#,
        );
        assert_eq!(process.next(SOON).await, Ok(Event::Ready { version: "7".into() }));
        process.go().await.unwrap();
        assert_eq!(process.next(SOON).await, Ok(Event::Run { seconds: 0.5, rows: 2, dollars: None }));
        process.end().await;
    }

    #[tokio::test]
    async fn a_failure_is_told_in_its_own_words() {
        let mut process = shell(r#"echo '{"event":"failed","message":"no table | t"}'; exit 1"#);
        assert_eq!(process.next(SOON).await, Err(Failure("no table / t".into())));
    }

    #[tokio::test]
    async fn a_process_that_dies_shows_what_it_said_last() {
        let mut process = shell("echo 'Killed by the kernel' >&2; exit 3");
        let failure = process.next(SOON).await.unwrap_err().0;
        assert!(failure.contains("exit status: 3"), "{failure}");
    }

    #[tokio::test]
    async fn temporary_files_go_with_the_process() {
        let scratch = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "mktemp -d >&2; mktemp >&2; echo '{\"event\":\"saved\"}'; read line"]);
        let mut process = EngineProcess::start(command, scratch.path()).unwrap();
        assert_eq!(process.next(SOON).await, Ok(Event::Saved));
        let left =
            |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
        let [own] = &left(scratch.path())[..] else { panic!("one folder for it") };
        assert_eq!(left(own).len(), 2);
        process.end().await;
        assert_eq!(left(scratch.path()).len(), 0);
    }

    #[tokio::test]
    async fn noise_is_not_taken_for_an_event() {
        let failure = shell("echo loading").next(SOON).await.unwrap_err().0;
        assert!(failure.contains("loading"), "{failure}");
    }

    #[tokio::test]
    async fn one_that_takes_too_long_is_killed_with_its_children() {
        let mut process = shell("sleep 1000 & echo $!; wait");
        let said = process.output.next_line().await.unwrap().unwrap();
        let failure = process.next(Duration::from_millis(1)).await.unwrap_err().0;
        assert!(failure.starts_with("took more than"), "{failure}");
        drop(process);
        let child: u32 = said.trim().parse().unwrap();
        let lives = || Process::read(child).is_ok_and(|process| process.state != 'Z');
        while lives() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
