//! What the REPL does with a line: a command, or statements.

use std::sync::Arc;

use arachne_engine::sql::split;

use super::commands::{self, COMMANDS, Command};
use super::completer::Names;
use super::pager;
use crate::engine::Engine;
use crate::format::{Format, TableShape};
use crate::sql::progress::ProgressLine;
use crate::sql::run::{Outcome, Sink, run, say};
use crate::sql::script::place_in_script;
use crate::sql::session::Session;
use crate::sql::{SqlOptions, report};
use crate::terminal::{self, Colors};

const DEFAULT_MAX_ROWS: usize = 1000;

/// Whether the REPL goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Continue,
    Quit,
}

pub(super) struct Shell {
    engine: Arc<dyn Engine>,
    session: Session,
    format: Format,
    timing: bool,
    max_rows: Option<usize>,
    names: Names,
}

impl Shell {
    pub(super) fn new(engine: Arc<dyn Engine>, session: Session, options: &SqlOptions) -> Self {
        let format = options.format.filter(|format| !format.is_binary()).unwrap_or(Format::Table);
        let max_rows = Some(options.max_rows.unwrap_or(DEFAULT_MAX_ROWS)).filter(|rows| *rows > 0);
        Self { engine, session, format, timing: !options.quiet, max_rows, names: Names::default() }
    }

    pub(super) fn names(&self) -> Names {
        self.names.clone()
    }

    pub(super) fn database(&self) -> &str {
        &self.session.database
    }

    pub(super) async fn run(&mut self, text: &str) -> Next {
        match commands::parse(text) {
            Ok(Some(command)) => self.command(command).await,
            Ok(None) => {
                self.statements(text).await;
                Next::Continue
            }
            Err(message) => {
                complain(&message);
                Next::Continue
            }
        }
    }

    /// Reads the catalog for completion.
    pub(super) async fn refresh_names(&self) {
        self.names.replace(self.engine.names(&self.session.database).await);
    }

    async fn command(&mut self, command: Command) -> Next {
        match command {
            Command::Tables => self.statements("SHOW TABLES").await,
            Command::Describe(table) => self.statements(&format!("DESCRIBE {table}")).await,
            Command::Databases => self.statements("SHOW DATABASES").await,
            Command::UseDatabase(name) => self.statements(&format!("USE {name}")).await,
            Command::ShowFormat => say(&format!("format is {}", self.format.name())),
            Command::SetFormat(format) => self.format = format,
            Command::Timing(wanted) => {
                self.timing = wanted.unwrap_or(!self.timing);
                say(if self.timing { "timing is on" } else { "timing is off" });
            }
            Command::ShowSettings => {
                for (name, value) in &self.session.settings {
                    say(&format!("{name} = {value}"));
                }
            }
            Command::Set(name, value) => {
                self.statements(&format!("SET {name} = '{}'", value.replace('\'', "''"))).await
            }
            Command::Unset(name) => self.session.unset(&name),
            Command::RunFile(path) => match std::fs::read_to_string(&path) {
                Ok(text) => self.statements(&text).await,
                Err(error) => complain(&format!("cannot read {path}: {error}")),
            },
            Command::Help => help(),
            Command::Quit => return Next::Quit,
        }
        Next::Continue
    }

    /// The first failure ends it.
    async fn statements(&mut self, text: &str) {
        for statement in split(text) {
            match self.session.change(statement.text, self.engine.as_ref()).await {
                None => {}
                Some(Ok(())) => continue,
                Some(Err(error)) => {
                    return say(&report::error(&place_in_script(&statement, error), text, Colors::of_stderr()));
                }
            }
            let size = terminal::size();
            let shape = TableShape { width: size.map(|(width, _)| width), max_rows: self.max_rows, count_line: true };
            let encoder = self.format.encoder(shape);
            let paged = self.format == Format::Table && terminal::stdout_is_terminal();
            let mut sink = if paged { Sink::to_memory(encoder) } else { Sink::to_stdout(encoder) };
            let outcome =
                run(self.engine.as_ref(), self.session.request(statement.text), &mut sink, ProgressLine::new(false))
                    .await;
            match outcome {
                Outcome::Done(stats) => {
                    let has_columns = sink.has_columns();
                    if let Err(error) = pager::show(&sink.into_bytes(), size.map_or(usize::MAX, |(_, height)| height)) {
                        complain(&format!("cannot show the result: {error}"));
                    }
                    if self.timing && has_columns {
                        say(&Colors::of_stderr().faint(&stats.to_string()));
                    }
                    if self.session.keep(statement.text) {
                        self.refresh_names().await;
                    }
                }
                Outcome::Failed(error) => {
                    return say(&report::error(&place_in_script(&statement, error), text, Colors::of_stderr()));
                }
                Outcome::Interrupted => return say("cancelled"),
                Outcome::OutputClosed => return,
                Outcome::OutputFailed(error) => return complain(&format!("cannot write the result: {error}")),
            }
        }
    }
}

fn complain(message: &str) {
    say(&format!("{} {message}", Colors::of_stderr().error("error:")));
}

fn help() {
    for command in COMMANDS {
        say(&format!("  {:<24}{}", format!("{} {}", command.name, command.arguments), command.help));
    }
    say("Statements end with `;` and may span lines. Tab completes, Ctrl-R searches the history, Ctrl-C cancels.");
}
