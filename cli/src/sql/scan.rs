//! Cuts SQL text into words, strings, comments and the rest, in bytes, without judging it.
//!
//! The engine parses; this is for what must work on unfinished text too: where a statement ends, what to colour, what to complete.

use std::ops::Range;

/// A stretch of the text. All pieces together are the whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
    /// False for a string, quoted name or block comment whose end is missing.
    pub(crate) closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    Number,
    /// `'...'`
    Text,
    /// `"..."` or `` `...` ``
    QuotedName,
    Comment,
    Space,
    Semicolon,
    Symbol,
}

impl Kind {
    /// Whether the piece means nothing to the engine.
    pub(crate) fn is_blank(self) -> bool {
        matches!(self, Self::Comment | Self::Space)
    }
}

pub(crate) fn pieces(text: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(first) = text[start..].chars().next() {
        let rest = &text[start..];
        let (kind, length, closed) = match first {
            '\'' => quoted(Kind::Text, rest, '\''),
            '"' | '`' => quoted(Kind::QuotedName, rest, first),
            ';' => (Kind::Semicolon, 1, true),
            _ if rest.starts_with("--") => (Kind::Comment, rest.find('\n').unwrap_or(rest.len()), true),
            _ if rest.starts_with("/*") => block_comment(rest),
            _ if first.is_whitespace() => (Kind::Space, run(rest, char::is_whitespace), true),
            _ if first.is_ascii_digit() => (Kind::Number, run(rest, |c| c.is_ascii_alphanumeric() || c == '.'), true),
            _ if is_word(first) => (Kind::Word, run(rest, is_word), true),
            _ => (Kind::Symbol, first.len_utf8(), true),
        };
        found.push(Piece { kind, range: start..start + length, closed });
        start += length;
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// A doubled quote is a quote inside.
fn quoted(kind: Kind, text: &str, quote: char) -> (Kind, usize, bool) {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((index, c)) = chars.next() {
        if c != quote {
            continue;
        }
        if chars.next_if(|(_, next)| *next == quote).is_none() {
            return (kind, index + quote.len_utf8(), true);
        }
    }
    (kind, text.len(), false)
}

fn block_comment(text: &str) -> (Kind, usize, bool) {
    let end = text[2..].find("*/").map(|index| index + 4);
    (Kind::Comment, end.unwrap_or(text.len()), end.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_text() {
        let text = "select 'it''s; ok' as \"a;b\", 1.5e3 -- c;\nfrom t /* ; */ where x<=`q;` ;é";
        let found = pieces(text);
        let joined: String = found.iter().map(|piece| &text[piece.range.clone()]).collect();
        assert_eq!(joined, text);
        assert_eq!(found.iter().filter(|piece| piece.kind == Kind::Semicolon).count(), 1);
        let kinds =
            |wanted| found.iter().filter(move |piece| piece.kind == wanted).map(|piece| &text[piece.range.clone()]);
        assert_eq!(kinds(Kind::Text).collect::<Vec<_>>(), ["'it''s; ok'"]);
        assert_eq!(kinds(Kind::QuotedName).collect::<Vec<_>>(), ["\"a;b\"", "`q;`"]);
        assert_eq!(kinds(Kind::Comment).collect::<Vec<_>>(), ["-- c;", "/* ; */"]);
        assert_eq!(kinds(Kind::Number).collect::<Vec<_>>(), ["1.5e3"]);
    }

    #[test]
    fn what_is_left_open_is_known() {
        for text in ["select 'abc", "select 'abc''", "select \"a", "select /* x", "select `a"] {
            assert!(!pieces(text).last().unwrap().closed, "{text}");
        }
        for text in ["select 'abc'", "select '' ", "-- open 'quote"] {
            assert!(pieces(text).iter().all(|piece| piece.closed), "{text}");
        }
    }
}
