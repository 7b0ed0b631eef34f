//! Colours of the line being typed.

use nu_ansi_term::{Color, Style};
use reedline::{Highlighter, StyledText};

use super::words::is_keyword;
use crate::sql::scan::{Kind, pieces};

pub(super) struct SqlHighlighter;

impl Highlighter for SqlHighlighter {
    fn highlight(&self, text: &str, _cursor: usize) -> StyledText {
        let mut styled = StyledText::new();
        if text.trim_start().starts_with('\\') {
            styled.push((Color::Purple.normal(), text.to_owned()));
            return styled;
        }
        for piece in pieces(text) {
            let piece_text = &text[piece.range];
            styled.push((style(piece.kind, piece_text), piece_text.to_owned()));
        }
        styled
    }
}

fn style(kind: Kind, text: &str) -> Style {
    match kind {
        Kind::Word if is_keyword(text) => Color::Blue.bold(),
        Kind::Number => Color::Cyan.normal(),
        Kind::Text => Color::Green.normal(),
        Kind::QuotedName => Color::Yellow.normal(),
        Kind::Comment => Color::DarkGray.normal(),
        Kind::Word | Kind::Space | Kind::Semicolon | Kind::Symbol => Style::default(),
    }
}
