//! `arachne sql`: statements from an argument, a file or standard input; a REPL when none of them is given and there is a terminal.
//!
//! `script` cuts the text, `run` carries one statement from start to bill, `progress` and `report` speak on standard error.

mod one_shot;
mod options;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod script;
pub(crate) mod session;
mod target;

pub(crate) use one_shot::{cannot_start, open_session, run_sql};
pub(crate) use options::{SettingsOptions, SqlOptions};
pub(crate) use target::Target;
