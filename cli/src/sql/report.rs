//! Errors as people see them: the message, the line of SQL with a caret under the place, the hint.

use arachne_engine::Error;
use arachne_engine::sql::caret;

use crate::terminal::Colors;

/// The report of an error in `sql`; ends without a line break.
pub(crate) fn error(error: &Error, sql: &str, colors: Colors) -> String {
    let mut lines = vec![format!("{}: {}", colors.error(error.code.label()), error.message)];
    let marked = error.position.map(|position| caret(sql, position)).unwrap_or_default();
    if let Some((line, below)) = marked.split_once('\n') {
        lines.push(format!(" {line}"));
        lines.push(format!(" {}", colors.error(below)));
    }
    if let Some(hint) = &error.hint {
        lines.push(format!("{} {hint}", colors.hint("hint:")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use arachne_engine::{ErrorCode, Position};

    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        let wrong = Error::new(ErrorCode::NotFound, "no column nam in table t")
            .at(Position { line: 2, column: 8 })
            .with_hint("did you mean name?");
        let expected = "not found: no column nam in table t\n 2 | select nam\n   |        ^\nhint: did you mean name?";
        assert_eq!(error(&wrong, "with a as (select 1)\nselect nam\nfrom t", Colors::off()), expected);
    }

    #[test]
    fn a_place_outside_of_the_text_is_not_marked() {
        let wrong = Error::new(ErrorCode::Syntax, "no").at(Position { line: 9, column: 4 });
        assert_eq!(error(&wrong, "select", Colors::off()), "syntax error: no");
    }
}
