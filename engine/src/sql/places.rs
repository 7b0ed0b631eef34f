//! Places in the text: of characters, of tokens, of names.

use arachne_catalog::Position as CatalogPosition;
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use super::dialect::AthenaDialect;
use crate::error::Position;

/// The place of the character at a byte offset; past the end, the place after the last character.
pub(super) fn position_at(text: &str, offset: usize) -> Position {
    let before = text.char_indices().map(|(at, _)| at).find(|at| *at >= offset).unwrap_or(text.len());
    after(Position { line: 1, column: 1 }, &text[..before])
}

/// The place behind a text that begins at `start`.
pub(super) fn after(start: Position, text: &str) -> Position {
    let mut position = start;
    for c in text.chars() {
        if c == '\n' {
            position = Position { line: position.line + 1, column: 1 };
        } else {
            position.column += 1;
        }
    }
    position
}

/// The place after the last character that is not a space: where something is missing at the end.
pub(super) fn end_of(text: &str) -> Position {
    position_at(text, text.trim_end().trim_end_matches(';').trim_end().len())
}

/// The first place where a table or column is named: as a word in any case (also a part of `a.b`), or as a quoted path.
pub(super) fn find_name(sql: &str, name: &str) -> Option<Position> {
    let tokens = Tokenizer::new(&AthenaDialect, sql).tokenize_with_location().ok()?;
    let named = |token: &&TokenWithSpan| match &token.token {
        Token::Word(word) => word.value.eq_ignore_ascii_case(name),
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => text == name,
        _ => false,
    };
    tokens.iter().find(named).and_then(|token| of_location(token.span.start))
}

/// `None` for the parser's empty location.
pub(super) fn of_location(location: Location) -> Option<Position> {
    (location.line > 0).then_some(Position { line: location.line, column: location.column })
}

/// Moves the tokens of a part of a script to where that part starts.
pub(super) fn move_tokens(tokens: &mut [TokenWithSpan], start: Position) {
    for token in tokens {
        token.span = Span::new(moved(token.span.start, start), moved(token.span.end, start));
    }
}

pub(super) fn moved(location: Location, start: Position) -> Location {
    match location.line {
        0 => location,
        1 => Location::new(start.line, start.column + location.column - 1),
        line => Location::new(start.line + line - 1, location.column),
    }
}

pub(super) fn to_catalog(position: Position) -> CatalogPosition {
    CatalogPosition { line: position.line, column: position.column }
}

pub(super) fn from_catalog(position: CatalogPosition) -> Position {
    Position { line: position.line, column: position.column }
}
