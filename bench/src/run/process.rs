//! One engine's process, spoken to line by line.

use std::collections::VecDeque;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use super::job::Event;

/// Lines of standard error that a failure shows at most.
const LAST_WORDS: usize = 5;
/// What it may take to end once it was told to.
const GRACE: Duration = Duration::from_secs(10);

/// Ends with this value, and its children with it: it is a process group of its own.
pub(crate) struct EngineProcess {
    child: Child,
    group: u32,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    said: Arc<Mutex<VecDeque<String>>>,
    ended: bool,
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
    pub(crate) fn start(mut command: Command) -> Result<Self> {
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
        EngineProcess::start(command).unwrap()
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
