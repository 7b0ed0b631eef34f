//! What a bench says to whoever started it.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};

/// A line, or several, on standard output.
///
/// Nobody may be reading any more (`arachne-bench compare a b | head`): then it is dropped, and what is measured still goes to its file.
pub(crate) fn say(text: impl Display) -> Result<()> {
    say_to(&mut std::io::stdout().lock(), text)
}

fn say_to(out: &mut impl Write, text: impl Display) -> Result<()> {
    // In one piece: a table is written to a terminal or pipe at once, not cell by cell.
    let text = format!("{text}\n");
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.context("standard output cannot be written"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_line_ends() {
        let mut out = Vec::new();
        say_to(&mut out, format_args!("{} runs", 3)).unwrap();
        assert_eq!(out, b"3 runs\n");
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        say_to(&mut writer, "nobody hears this").unwrap();
    }

    #[test]
    fn a_disk_that_is_full_is_one() {
        let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(say_to(&mut full, "this does not fit").is_err());
    }
}
