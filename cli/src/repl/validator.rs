//! When Enter runs what was typed, and when it starts a new line.

use reedline::{ValidationResult, Validator};

use crate::sql::script;

/// A statement runs at its semicolon, a command (`\d`) at once.
pub(super) struct StatementValidator;

impl Validator for StatementValidator {
    fn validate(&self, text: &str) -> ValidationResult {
        if runs(text) { ValidationResult::Complete } else { ValidationResult::Incomplete }
    }
}

fn runs(text: &str) -> bool {
    let text = text.trim();
    let is_command = text.starts_with('\\') || matches!(text.to_ascii_lowercase().as_str(), "exit" | "quit" | "help");
    is_command || script::is_complete(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_wait_for_their_semicolon_and_commands_do_not() {
        for text in ["", "\\d", "  \\timing", "quit", "HELP", "select 1;", "select 1; -- done"] {
            assert!(runs(text), "{text}");
        }
        for text in ["select 1", "select ';'", "select 1 -- ;", "quit now", "select $1\n"] {
            assert!(!runs(text), "{text}");
        }
    }
}
