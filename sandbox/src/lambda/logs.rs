//! What a worker writes to stdout and stderr.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::sync::{mpsc, oneshot};

/// What Lambda gives back of a log: its last 4 KB.
pub(super) const TAIL_BYTES: usize = 4096;

/// One environment's log since it was last taken.
#[derive(Debug)]
pub(super) struct Logs {
    written: Arc<Mutex<Vec<u8>>>,
    flush: mpsc::Sender<oneshot::Sender<()>>,
}

/// Moves bytes from the worker's pipes to its [`Logs`].
pub(super) struct LogPump {
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    written: Arc<Mutex<Vec<u8>>>,
    flushes: mpsc::Receiver<oneshot::Sender<()>>,
    pid: u32,
}

impl Logs {
    pub(super) fn capture(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>, pid: u32) -> (Self, LogPump) {
        let written = Arc::default();
        let (flush, flushes) = mpsc::channel(1);
        (Self { written: Arc::clone(&written), flush }, LogPump { stdout, stderr, written, flushes, pid })
    }

    /// Everything written until now (at most its last 4 KB), which is then forgotten.
    pub(super) async fn take(&self) -> Vec<u8> {
        let (done, is_done) = oneshot::channel();
        if self.flush.send(done).await.is_ok() {
            // An error says that the process is gone and its pipes were read to the end.
            let _ = is_done.await;
        }
        std::mem::take(&mut *self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl LogPump {
    /// Reads until it is dropped.
    pub(super) async fn run(&mut self) {
        loop {
            tokio::select! {
                // What is in the pipes comes before the word that they are empty.
                biased;
                chunk = read(&mut self.stdout) => self.append(&chunk),
                chunk = read(&mut self.stderr) => self.append(&chunk),
                Some(done) = self.flushes.recv() => {
                    let _ = done.send(());
                }
                else => std::future::pending().await,
            }
        }
    }

    /// Reads what is in the pipes of an ended process. Processes of its own that it left behind may hold them open.
    pub(super) async fn drain(&mut self) {
        loop {
            tokio::select! {
                biased;
                chunk = read(&mut self.stdout) => self.append(&chunk),
                chunk = read(&mut self.stderr) => self.append(&chunk),
                () = std::future::ready(()) => return,
            }
        }
    }

    fn append(&self, chunk: &[u8]) {
        for line in chunk.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            tracing::debug!(target: "arachne_sandbox::lambda::worker", pid = self.pid, "{}", String::from_utf8_lossy(line));
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(chunk);
        let excess = written.len().saturating_sub(TAIL_BYTES);
        written.drain(..excess);
    }
}

/// The next bytes of a pipe; never, once it is closed.
async fn read<R: AsyncRead + Unpin>(pipe: &mut Option<R>) -> Vec<u8> {
    let Some(reader) = pipe else { return std::future::pending().await };
    let mut chunk = Vec::with_capacity(8 * 1024);
    match reader.read_buf(&mut chunk).await {
        Ok(length) if length > 0 => {}
        _ => *pipe = None,
    }
    chunk
}
