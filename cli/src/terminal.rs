//! What is known about the terminal.

use std::io::IsTerminal as _;

use nu_ansi_term::{Color, Style};
use terminal_size::{Height, Width, terminal_size};

/// Width and height in characters, of the terminal that any standard stream is connected to.
pub(crate) fn size() -> Option<(usize, usize)> {
    let (Width(width), Height(height)) = terminal_size()?;
    (width > 0 && height > 0).then_some((width.into(), height.into()))
}

pub(crate) fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

pub(crate) fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Colours: none where nobody sees them, or nobody wants them (<https://no-color.org>).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colors {
    on: bool,
}

impl Colors {
    pub(crate) fn of_stderr() -> Self {
        Self { on: stderr_is_terminal() && !unwanted() }
    }

    pub(crate) fn of_stdout() -> Self {
        Self { on: stdout_is_terminal() && !unwanted() }
    }

    #[cfg(test)]
    pub(crate) fn off() -> Self {
        Self { on: false }
    }

    pub(crate) fn error(self, text: &str) -> String {
        self.paint(Color::Red.bold(), text)
    }

    pub(crate) fn hint(self, text: &str) -> String {
        self.paint(Color::Cyan.normal(), text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint(Color::Green.bold(), text)
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.on { style.paint(text).to_string() } else { text.to_owned() }
    }
}

fn unwanted() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
