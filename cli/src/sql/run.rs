//! One statement from start to bill: rows to a sink as they come, progress meanwhile, Ctrl-C cancels.

use std::io::{ErrorKind, Write as _};
use std::pin::pin;
use std::time::Duration;

use arachne_engine::Error;
use arachne_engine::query::{QueryProgress, QueryRequest, QueryStats};
use arachne_server::format::ResultEncoder;
use arrow::error::ArrowError;
use futures::StreamExt as _;
use tokio::sync::watch;

use super::progress::ProgressLine;
use crate::engine::{Engine, Running};

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How a statement ended.
pub(crate) enum Outcome {
    Done(Box<QueryStats>),
    Failed(Error),
    Interrupted,
    /// Whoever read the output went away (`| head`): nothing is wrong.
    OutputClosed,
    /// Rows could not be written.
    OutputFailed(std::io::Error),
}

/// Where encoded rows go.
pub(crate) struct Sink {
    encoder: Box<dyn ResultEncoder>,
    target: Target,
    buffer: Vec<u8>,
    has_columns: bool,
}

enum Target {
    Stdout,
    Memory(Vec<u8>),
}

impl Sink {
    pub(crate) fn to_stdout(encoder: Box<dyn ResultEncoder>) -> Self {
        Self { encoder, target: Target::Stdout, buffer: Vec::new(), has_columns: false }
    }

    pub(crate) fn to_memory(encoder: Box<dyn ResultEncoder>) -> Self {
        Self { encoder, target: Target::Memory(Vec::new()), buffer: Vec::new(), has_columns: false }
    }

    /// What was written to memory.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.target {
            Target::Memory(bytes) => bytes,
            Target::Stdout => Vec::new(),
        }
    }

    /// False after a statement that has no result, such as DDL.
    pub(crate) fn has_columns(&self) -> bool {
        self.has_columns
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match &mut self.target {
            Target::Memory(bytes) => bytes.append(&mut self.buffer),
            Target::Stdout if self.buffer.is_empty() => {}
            Target::Stdout => {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(&self.buffer)?;
                stdout.flush()?;
                self.buffer.clear();
            }
        }
        Ok(())
    }
}

/// Runs one statement. It computes on other threads, or elsewhere; here is waited, so that Ctrl-C is always heard.
pub(crate) async fn run(
    engine: &dyn Engine,
    request: QueryRequest,
    sink: &mut Sink,
    mut line: ProgressLine,
) -> Outcome {
    let mut handle = engine.start(request);
    let shown = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(Outcome::Interrupted),
        shown = show(handle.as_mut(), sink, &mut line) => shown,
    };
    line.finish();
    if let Err(outcome) = shown {
        handle.cancel().await;
        return outcome;
    }
    if sink.has_columns
        && let Err(outcome) = write(sink, &line, |encoder, out| encoder.end(out))
    {
        return outcome;
    }
    Outcome::Done(Box::new(handle.stats()))
}

/// Writes rows as they come, and what is going on meanwhile.
async fn show(handle: &mut dyn Running, sink: &mut Sink, line: &mut ProgressLine) -> Result<(), Outcome> {
    let progress = handle.progress();
    let mut rows = watched(handle.results(), &progress, line).await.map_err(Outcome::Failed)?;
    sink.has_columns = !rows.schema.fields().is_empty();
    if sink.has_columns {
        write(sink, line, |encoder, out| encoder.begin(&rows.schema, out))?;
    }
    while let Some(batch) = watched(rows.batches.next(), &progress, line).await {
        let batch = batch.map_err(Outcome::Failed)?;
        if sink.has_columns {
            write(sink, line, |encoder, out| encoder.batch(&batch, out))?;
        }
    }
    Ok(())
}

/// Redraws the line while something is waited for.
async fn watched<T>(
    awaited: impl Future<Output = T>,
    progress: &watch::Receiver<QueryProgress>,
    line: &mut ProgressLine,
) -> T {
    let mut awaited = pin!(awaited);
    loop {
        tokio::select! {
            biased;
            done = &mut awaited => return done,
            () = tokio::time::sleep(PROGRESS_INTERVAL) => line.update(&progress.borrow()),
        }
    }
}

fn write(
    sink: &mut Sink,
    line: &ProgressLine,
    encode: impl FnOnce(&mut dyn ResultEncoder, &mut Vec<u8>) -> Result<(), ArrowError>,
) -> Result<(), Outcome> {
    encode(sink.encoder.as_mut(), &mut sink.buffer).map_err(|error| Outcome::Failed(error.into()))?;
    line.around(|| sink.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Outcome::OutputClosed,
        _ => Outcome::OutputFailed(error),
    })
}

/// A line on standard error. If nobody can hear it, there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
