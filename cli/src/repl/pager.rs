//! Results taller than the terminal go through a pager.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Shows the text through `$PAGER` (else `less`) if it is taller than the terminal, else prints it.
///
/// A pager that cannot be started is no reason to lose the result: it is printed then.
pub(super) fn show(text: &[u8], terminal_rows: usize) -> std::io::Result<()> {
    let lines = text.iter().filter(|byte| **byte == b'\n').count();
    if lines + 2 <= terminal_rows || !page(text)? {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text)?;
        stdout.flush()?;
    }
    Ok(())
}

/// Ok(false): no pager could be started.
fn page(text: &[u8]) -> std::io::Result<bool> {
    let pager =
        std::env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty()).unwrap_or_else(|| "less -S".to_owned());
    // LESS: quit if it fits, keep colours, leave the screen as it is.
    let mut command = Command::new("sh");
    command.args(["-c", &pager]).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    let Ok(mut child) = command.spawn() else { return Ok(false) };
    let mut written = false;
    if let Some(mut stdin) = child.stdin.take() {
        // Closed early when the user quits the pager: not an error.
        written = match stdin.write_all(text) {
            Ok(()) => true,
            Err(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
        };
    }
    let status = child.wait()?;
    // 127: the shell found no such program.
    Ok(written && status.code() != Some(127))
}
