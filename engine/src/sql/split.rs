//! A script cut at its semicolons.

use super::places::{after, position_at};
use crate::error::Position;

/// One statement's text, without spaces around it and without its semicolon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    pub text: &'a str,
    /// Where the text starts in the script, in bytes.
    pub offset: usize,
    pub position: Position,
}

/// The statements of a script; pieces without a word in them (spaces, comments) are left out.
///
/// Semicolons in quotes and comments do not count. A quote or comment that is not closed reaches to the end: what is wrong
/// with it is said when the piece is parsed.
pub fn split(script: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut scanner = Scanner { text: script, at: 0 };
    // Where it is known: counting from the start each time would take the square of the script's length.
    let (mut known, mut position) = (0, position_at(script, 0));
    loop {
        let start = scanner.at;
        let has_words = scanner.skip_to_semicolon();
        let raw = &script[start..scanner.at];
        let text = raw.trim();
        if has_words {
            let offset = start + (raw.len() - raw.trim_start().len());
            position = after(position, &script[known..offset]);
            known = offset;
            pieces.push(Piece { text, offset, position });
        }
        if !scanner.skip(";") {
            return pieces;
        }
    }
}

/// The first word of a statement in upper case, past comments; empty where it begins with something else.
pub(super) fn first_word(text: &str) -> String {
    let mut scanner = Scanner { text, at: 0 };
    scanner.skip_blank();
    scanner.word().to_uppercase()
}

/// Whether a statement that begins with this word is in the Hive dialect, where a backslash escapes in strings.
pub(super) fn is_hive(first_word: &str) -> bool {
    matches!(first_word, "CREATE" | "DROP" | "ALTER" | "SHOW" | "DESCRIBE" | "DESC" | "MSCK" | "USE")
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Stops before the semicolon or at the end; says whether there was anything but blanks.
    fn skip_to_semicolon(&mut self) -> bool {
        let hive = is_hive(&first_word(self.rest()));
        let mut has_words = false;
        loop {
            self.skip_blank();
            match self.rest().chars().next() {
                None | Some(';') => return has_words,
                Some(quote @ ('\'' | '"' | '`')) => self.skip_quoted(quote, hive && quote != '`'),
                Some(c) => self.at += c.len_utf8(),
            }
            has_words = true;
        }
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if self.rest().starts_with("--") {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if self.rest().starts_with("/*") {
                self.skip_comment();
            } else {
                return;
            }
        }
    }

    /// Comments may hold comments, as the tokenizers here have it.
    fn skip_comment(&mut self) {
        let mut depth = 0_usize;
        while !self.rest().is_empty() {
            if self.skip("/*") {
                depth += 1;
            } else if self.skip("*/") {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            } else {
                self.at += self.rest().chars().next().map_or(0, char::len_utf8);
            }
        }
    }

    /// A doubled quote ends one string and starts the next, which comes to the same.
    fn skip_quoted(&mut self, quote: char, escapes: bool) {
        self.at += quote.len_utf8();
        while let Some(c) = self.rest().chars().next() {
            self.at += c.len_utf8();
            if c == quote {
                return;
            }
            if escapes && c == '\\' {
                self.at += self.rest().chars().next().map_or(0, char::len_utf8);
            }
        }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn skip(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        split(script).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn cuts_at_semicolons_only() {
        assert_eq!(texts("SELECT 1; SELECT 2"), ["SELECT 1", "SELECT 2"]);
        assert_eq!(texts("SELECT ';', \";\", `;`;"), ["SELECT ';', \";\", `;`"]);
        assert_eq!(texts("SELECT 1 -- a;b\n, 2; x"), ["SELECT 1 -- a;b\n, 2", "x"]);
        assert_eq!(texts("SELECT /* ; /* ; */ ; */ 1;"), ["SELECT /* ; /* ; */ ; */ 1"]);
        assert_eq!(texts("SELECT 'it''s;'; y"), ["SELECT 'it''s;'", "y"]);
    }

    #[test]
    fn a_backslash_escapes_in_definitions_only() {
        assert_eq!(texts(r"SELECT '\'; SELECT 2"), [r"SELECT '\'", "SELECT 2"]);
        assert_eq!(
            texts(
                r"-- note
            create table t (a int) comment '\';' location 's3://b/'; SELECT 2"
            )
            .len(),
            2
        );
    }

    #[test]
    fn blanks_are_no_statements() {
        assert_eq!(texts(" ;; -- nothing\n; /* ; */ ;"), [""; 0]);
        assert_eq!(texts("").len(), 0);
        assert_eq!(texts("VACUUM"), ["VACUUM"]);
        assert_eq!(texts("1"), ["1"]);
    }

    #[test]
    fn what_is_not_closed_reaches_to_the_end() {
        assert_eq!(texts("SELECT 'a; SELECT 2"), ["SELECT 'a; SELECT 2"]);
        assert_eq!(texts("SELECT 1 /* a; SELECT 2"), ["SELECT 1 /* a; SELECT 2"]);
    }

    #[test]
    fn pieces_know_their_place() {
        let script = "SELECT 1;\n\n  SELECT 'é';SELECT 3";
        let pieces = split(script);
        assert_eq!(pieces[1].position, Position { line: 3, column: 3 });
        assert_eq!(pieces[2].position, Position { line: 3, column: 14 });
        for piece in pieces {
            assert!(script[piece.offset..].starts_with(piece.text));
        }
    }
}
