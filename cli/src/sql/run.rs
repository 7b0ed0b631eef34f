//! One statement from start to bill: rows to a sink as they come, progress meanwhile, Ctrl-C cancels.

use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use arachne_engine::Error;
use arachne_engine::query::{QueryHandle, QueryProgress, QueryRequest, QueryStats};
use arachne_server::format::ResultEncoder;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use futures::StreamExt as _;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::progress::ProgressLine;
use crate::queries::Queries;

const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How long a cancelled query is given to stop its workers.
const CANCEL_GRACE: Duration = Duration::from_secs(2);

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
///
/// The query is pumped on the threads of the queries; this function waits on another, where it hears Ctrl-C.
pub(crate) async fn run(queries: &Queries, request: QueryRequest, sink: &mut Sink, mut line: ProgressLine) -> Outcome {
    let handle = queries.start(request);
    let (progress, canceller) = (handle.progress(), handle.canceller());
    let (sender, mut parts) = mpsc::channel(1);
    let mut pump = queries.spawn(pump(handle, sender));
    let shown = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(Outcome::Interrupted),
        shown = show(&mut parts, &progress, sink, &mut line) => shown,
    };
    line.finish();
    if let Err(outcome) = shown {
        canceller.cancel();
        drop(parts);
        wait_a_little_for(&mut pump).await;
        return outcome;
    }
    let stats = match pump.await {
        Ok(Ok(stats)) => stats,
        Ok(Err(error)) => return Outcome::Failed(error),
        Err(error) => return Outcome::Failed(Error::internal(format!("the query stopped: {error}"))),
    };
    if sink.has_columns
        && let Err(outcome) = write(sink, &line, |encoder, out| encoder.end(out))
    {
        return outcome;
    }
    Outcome::Done(Box::new(stats))
}

/// What the query gives, in this order.
enum Part {
    Schema(SchemaRef),
    Batch(RecordBatch),
}

async fn pump(mut handle: QueryHandle, parts: mpsc::Sender<Part>) -> Result<QueryStats, Error> {
    let mut stream = handle.results().await?;
    let mut wanted = parts.send(Part::Schema(stream.schema())).await.is_ok();
    while wanted && let Some(batch) = stream.next().await {
        wanted = parts.send(Part::Batch(batch?)).await.is_ok();
    }
    Ok(handle.stats())
}

/// Writes what comes, until nothing more comes: the query has then ended, one way or the other.
async fn show(
    parts: &mut mpsc::Receiver<Part>,
    progress: &watch::Receiver<QueryProgress>,
    sink: &mut Sink,
    line: &mut ProgressLine,
) -> Result<(), Outcome> {
    let mut tick = tokio::time::interval(PROGRESS_INTERVAL);
    loop {
        let part = tokio::select! {
            part = parts.recv() => part,
            _ = tick.tick() => {
                line.update(&progress.borrow());
                continue;
            }
        };
        match part {
            None => return Ok(()),
            Some(Part::Schema(schema)) => {
                sink.has_columns = !schema.fields().is_empty();
                if sink.has_columns {
                    write(sink, line, |encoder, out| encoder.begin(&schema, out))?;
                }
            }
            Some(Part::Batch(_)) if !sink.has_columns => {}
            Some(Part::Batch(batch)) => write(sink, line, |encoder, out| encoder.batch(&batch, out))?,
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

/// The cancelled query tells its workers; a second Ctrl-C does not wait for that.
async fn wait_a_little_for<T>(pump: &mut AbortOnDropHandle<T>) {
    tokio::select! {
        _ = pump => {}
        () = tokio::time::sleep(CANCEL_GRACE) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// A line on standard error. If nobody can hear it, there is nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
