//! One statement from start to bill: rows to a sink as they come, progress meanwhile, Ctrl-C cancels.

use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use arachne_engine::Error;
use arachne_engine::query::{QueryHandle, QueryRequest, QueryService, QueryStats, ResultStream};
use arachne_server::format::ResultEncoder;
use arrow::error::ArrowError;
use futures::StreamExt as _;

use super::progress::ProgressLine;

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How long a cancelled query is given to stop its workers.
const CANCEL_GRACE: Duration = Duration::from_secs(3);

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

/// Runs one statement.
pub(crate) async fn run(
    service: &QueryService,
    request: QueryRequest,
    sink: &mut Sink,
    mut line: ProgressLine,
) -> Outcome {
    let mut handle = service.start(request);
    let ended = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(Outcome::Interrupted),
        ended = drive(&mut handle, sink, &mut line) => ended,
    };
    line.finish();
    match ended {
        Ok(()) => Outcome::Done(Box::new(handle.stats())),
        Err(outcome) => {
            cancel(&handle).await;
            outcome
        }
    }
}

async fn drive(handle: &mut QueryHandle, sink: &mut Sink, line: &mut ProgressLine) -> Result<(), Outcome> {
    let progress = handle.progress();
    let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
    let mut stream: ResultStream = {
        let results = handle.results();
        tokio::pin!(results);
        loop {
            tokio::select! {
                stream = &mut results => break stream.map_err(Outcome::Failed)?,
                _ = tick.tick() => line.update(&progress.borrow()),
            }
        }
    };
    let schema = stream.schema();
    sink.has_columns = !schema.fields().is_empty();
    if sink.has_columns {
        write(sink, line, |encoder, out| encoder.begin(&schema, out))?;
    }
    loop {
        tokio::select! {
            batch = stream.next() => match batch {
                Some(batch) => {
                    let batch = batch.map_err(Outcome::Failed)?;
                    if sink.has_columns {
                        write(sink, line, |encoder, out| encoder.batch(&batch, out))?;
                    }
                }
                None => break,
            },
            _ = tick.tick() => line.update(&progress.borrow()),
        }
    }
    line.finish();
    if sink.has_columns {
        write(sink, line, |encoder, out| encoder.end(out))?;
    }
    Ok(())
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

/// Tells the workers, and waits a little until they have heard; a second Ctrl-C does not wait.
async fn cancel(handle: &QueryHandle) {
    handle.cancel();
    let mut progress = handle.progress();
    let stopped = async { while progress.changed().await.is_ok() {} };
    tokio::select! {
        () = stopped => {}
        () = tokio::time::sleep(CANCEL_GRACE) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// A line on standard error. If nobody can hear it, there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
