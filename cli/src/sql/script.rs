//! A text of several statements.

use arachne_engine::sql::{Piece, split};
use arachne_engine::{Error, Position};

/// Moves an error's place from a statement to the text that it was cut from.
pub(crate) fn place_in_script(piece: &Piece<'_>, mut error: Error) -> Error {
    let start = piece.position;
    error.position = error.position.map(|position| match position.line {
        1 => Position { line: start.line, column: start.column + position.column - 1 },
        line => Position { line: start.line + line - 1, column: position.column },
    });
    error
}

/// Whether the text ends a statement, so that it can run: whatever followed would be a statement of its own.
pub(crate) fn is_complete(text: &str) -> bool {
    split(&format!("{text}\nx")).len() > split(text).len()
}

#[cfg(test)]
mod tests {
    use arachne_engine::ErrorCode;

    use super::*;

    #[test]
    fn an_error_points_into_the_script() {
        let pieces = split("select 1;\n  select\n nope");
        let at = |line, column| Error::new(ErrorCode::Syntax, "no").at(Position { line, column });
        assert_eq!(place_in_script(&pieces[1], at(1, 4)).position, Some(Position { line: 2, column: 6 }));
        assert_eq!(place_in_script(&pieces[1], at(2, 2)).position, Some(Position { line: 3, column: 2 }));
    }

    #[test]
    fn a_statement_ends_with_its_semicolon() {
        for text in
            ["select 1;", "select 1; -- done", "select ';';\n", "", "-- only this", "select 1;;", "select 'it''s';"]
        {
            assert!(is_complete(text), "{text}");
        }
        let open = [
            "select 1",
            "select ';",
            "select 1 -- ;",
            "select 1 /* ;",
            "select 1; select 2",
            "select \"a;",
            "select 'it'';",
        ];
        for text in open {
            assert!(!is_complete(text), "{text}");
        }
    }
}
