//! Statements from the command line, a file or a pipe, one after the other; the first failure ends it.

use std::io::{IsTerminal as _, Read as _};

use arachne_engine::sql::split;
use arachne_engine::{Error, ErrorCode};
use tokio::runtime::{Handle, Runtime};

use super::progress::ProgressLine;
use super::run::{Outcome, Sink, run, say};
use super::script::place_in_script;
use super::session::Session;
use super::target::Target;
use super::{SqlOptions, report};
use crate::engine::Engine;
use crate::exit::Exit;
use crate::format::{Format, TableShape};
use crate::repl;
use crate::terminal::{self, Colors};

/// `arachne sql`.
pub(crate) fn run_sql(options: &SqlOptions, front: &Runtime, threads: &Handle) -> anyhow::Result<Exit> {
    let target = match Target::of(options) {
        Ok(target) => target,
        Err(error) => return Ok(bad_usage(&error)),
    };
    if options.command.is_none() && options.file.is_none() && std::io::stdin().is_terminal() {
        return repl::run(options, target, front, threads);
    }
    let text = match text(options) {
        Ok(text) => text,
        Err(error) => return Ok(bad_usage(&error)),
    };
    let to_terminal = terminal::stdout_is_terminal();
    let format = options.format.unwrap_or(if to_terminal { Format::Table } else { Format::Csv });
    if format.is_binary() && to_terminal {
        return Ok(bad_usage(&format!("{} is not for a terminal: redirect it, as in `> result.{0}`", format.name())));
    }
    front.block_on(async {
        let engine = match target.open(threads).await {
            Ok(engine) => engine,
            Err(error) => return Ok(cannot_start(&error)),
        };
        let session = match open_session(options, engine.as_ref()).await {
            Ok(session) => session,
            Err(error) => return Ok(cannot_start(&error)),
        };
        let exit = Ok(run_script(engine.as_ref(), session, &text, format, options).await);
        engine.close(&exit).await;
        exit
    })
}

async fn run_script(
    engine: &dyn Engine,
    mut session: Session,
    text: &str,
    format: Format,
    options: &SqlOptions,
) -> Exit {
    let width = terminal::size().map(|(width, _)| width).filter(|_| terminal::stdout_is_terminal());
    let shape = TableShape { width, max_rows: options.max_rows.filter(|rows| *rows > 0), count_line: false };
    let mut results = 0;
    for statement in split(text) {
        match session.change(statement.text, engine).await {
            None => {}
            Some(Ok(())) => continue,
            Some(Err(error)) => {
                say(&report::error(&place_in_script(&statement, error), text, Colors::of_stderr()));
                return Exit::Failed;
            }
        }
        if results > 0 && format.holds_one_result() {
            return bad_usage(&format!(
                "{} output holds one result, and there was one already: run the other statements apart",
                format.name()
            ));
        }
        let mut sink = Sink::to_stdout(format.encoder(shape));
        match run(engine, session.request(statement.text), &mut sink, ProgressLine::new(options.quiet)).await {
            Outcome::Done(stats) => {
                session.keep(statement.text);
                results += usize::from(sink.has_columns());
                if sink.has_columns() && !options.quiet {
                    say(&stats.to_string());
                }
            }
            Outcome::Failed(error) => {
                say(&report::error(&place_in_script(&statement, error), text, Colors::of_stderr()));
                return Exit::Failed;
            }
            Outcome::Interrupted => {
                say("cancelled");
                return Exit::Interrupted;
            }
            Outcome::OutputClosed => return Exit::Done,
            Outcome::OutputFailed(error) => {
                say(&format!("cannot write the result: {error}"));
                return Exit::Failed;
            }
        }
    }
    Exit::Done
}

/// The session that the flags ask for.
pub(crate) async fn open_session(options: &SqlOptions, engine: &dyn Engine) -> Result<Session, Error> {
    let mut session = Session::new(&options.database);
    for (name, value) in &options.set {
        session.set(name, value, engine).await?;
    }
    Ok(session)
}

/// Settings that do not fit together are bad usage; a catalog that cannot be opened is a failure.
pub(crate) fn cannot_start(error: &Error) -> Exit {
    say(&report::error(error, "", Colors::of_stderr()));
    if error.code == ErrorCode::InvalidArgument { Exit::BadUsage } else { Exit::Failed }
}

fn text(options: &SqlOptions) -> Result<String, String> {
    let (name, bytes) = match (&options.command, &options.file) {
        (Some(command), _) => return Ok(command.clone()),
        (None, Some(path)) if path.as_os_str() != "-" => (
            path.display().to_string(),
            std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?,
        ),
        (None, _) => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| format!("cannot read standard input: {error}"))?;
            ("standard input".to_owned(), bytes)
        }
    };
    String::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8 text"))
}

fn bad_usage(text: &str) -> Exit {
    say(&format!("{} {text}", Colors::of_stderr().error("error:")));
    Exit::BadUsage
}
