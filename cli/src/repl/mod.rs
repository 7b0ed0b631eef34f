//! The interactive `arachne sql`.
//!
//! The line editor is synchronous and has the terminal to itself while it reads; each statement then runs on the runtime,
//! where Ctrl-C cancels it. So the two never share a moment, and the terminal is never left in raw mode.

mod commands;
mod completer;
mod editor;
mod highlighter;
mod pager;
mod prompt;
mod shell;
mod validator;
mod words;

use std::sync::Arc;

use reedline::{Reedline, Signal};
use tokio::runtime::{Handle, Runtime};

use crate::exit::Exit;
use crate::sql::run::say;
use crate::sql::{SqlOptions, Target, cannot_start, open_session};
use prompt::SqlPrompt;
use shell::{Next, Shell};

pub(crate) fn run(options: &SqlOptions, target: Target, front: &Runtime, threads: &Handle) -> anyhow::Result<Exit> {
    let engine = match front.block_on(target.open(threads)) {
        Ok(engine) => engine,
        Err(error) => return Ok(cannot_start(&error)),
    };
    let session = match front.block_on(open_session(options, engine.as_ref())) {
        Ok(session) => session,
        Err(error) => return Ok(cannot_start(&error)),
    };
    let mut shell = Shell::new(Arc::clone(&engine), session, options);
    front.block_on(shell.refresh_names());
    let mut editor = editor::open(shell.names())?;
    say(&format!("arachne {}: \\? for help, Ctrl-D to quit", env!("CARGO_PKG_VERSION")));
    let ended = read_and_run(&mut editor, &mut shell, front);
    front.block_on(engine.close(&ended));
    ended
}

fn read_and_run(editor: &mut Reedline, shell: &mut Shell, front: &Runtime) -> anyhow::Result<Exit> {
    loop {
        let prompt = SqlPrompt { database: shell.database().to_owned() };
        match editor.read_line(&prompt)? {
            Signal::Success(text) => {
                // At once: a session that is killed keeps its history.
                editor.sync_history()?;
                if front.block_on(shell.run(&text)) == Next::Quit {
                    return Ok(Exit::Done);
                }
            }
            Signal::CtrlD => return Ok(Exit::Done),
            // Ctrl-C clears the line; nothing else is bound.
            _ => {}
        }
    }
}
