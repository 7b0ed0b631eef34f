//! The line of an error with a caret under the place.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::error::Position;

/// Cells of a line that are shown around the place.
const WIDTH: usize = 100;
const TAB: &str = "    ";

/// Two lines, `3 | SELECT x FROM t` and the caret below; empty when the text has no such line.
///
/// Tabs are shown as four spaces, and characters that take two cells (or none) move the caret accordingly. Of a long line the
/// part around the place is shown.
pub fn caret(sql: &str, position: Position) -> String {
    let Some(line) = usize::try_from(position.line.saturating_sub(1)).ok().and_then(|index| sql.lines().nth(index))
    else {
        return String::new();
    };
    let column = usize::try_from(position.column.saturating_sub(1)).unwrap_or(usize::MAX);
    let byte = line.char_indices().nth(column).map_or(line.len(), |(byte, _)| byte);
    let (before, after) = line.split_at(byte);
    let before = last_cells(&shown(before), WIDTH * 2 / 3);
    let after = first_cells(&shown(after), WIDTH - before.width().min(WIDTH));
    let gutter = position.line.to_string();
    let margin = " ".repeat(gutter.len());
    format!("{gutter} | {before}{after}\n{margin} | {}^", " ".repeat(before.width()))
}

/// Without characters that would move the terminal's cursor elsewhere.
fn shown(text: &str) -> String {
    text.chars().fold(String::new(), |mut shown, c| {
        match c {
            '\t' => shown.push_str(TAB),
            c if c.is_control() => shown.push(' '),
            c => shown.push(c),
        }
        shown
    })
}

fn last_cells(text: &str, cells: usize) -> String {
    if text.width() <= cells {
        return text.to_owned();
    }
    let mut left = cells - 1;
    let tail: Vec<char> = text.chars().rev().take_while(|c| fits(*c, &mut left)).collect();
    std::iter::once('…').chain(tail.into_iter().rev()).collect()
}

fn first_cells(text: &str, cells: usize) -> String {
    if text.width() <= cells {
        return text.to_owned();
    }
    let mut left = cells.saturating_sub(1);
    text.chars().take_while(|c| fits(*c, &mut left)).chain(['…']).collect()
}

fn fits(c: char, left: &mut usize) -> bool {
    let width = c.width().unwrap_or(0);
    let fits = width <= *left;
    *left -= width.min(*left);
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sql: &str, line: u64, column: u64) -> String {
        caret(sql, Position { line, column })
    }

    #[test]
    fn points_at_the_place() {
        assert_eq!(at("SELECT a\nFROM tt", 2, 6), "2 | FROM tt\n  |      ^");
        assert_eq!(at("SELECT", 1, 7), "1 | SELECT\n  |       ^", "past the end");
        assert_eq!(at("SELECT", 1, 99), "1 | SELECT\n  |       ^");
        assert_eq!(at("SELECT", 2, 1), "");
        assert_eq!(at("SELECT", 0, 0), "1 | SELECT\n  | ^".replace('1', "0"));
    }

    #[test]
    fn tabs_and_wide_characters_move_the_caret() {
        assert_eq!(at("\tx", 1, 2), "1 |     x\n  |     ^");
        assert_eq!(at("'日本' x", 1, 6), "1 | '日本' x\n  |        ^");
        // A combining accent takes no cell.
        assert_eq!(at("'e\u{301}' x", 1, 6), "1 | 'e\u{301}' x\n  |     ^");
        assert_eq!(at("a\r\nb", 2, 1), "2 | b\n  | ^");
    }

    #[test]
    fn a_long_line_is_shown_around_the_place() {
        let sql = format!("SELECT {} wrong {}", "a, ".repeat(200), "b, ".repeat(200));
        let column = u64::try_from(sql.find("wrong").unwrap()).unwrap() + 1;
        let shown = at(&sql, 1, column);
        let (line, under) = shown.split_once('\n').unwrap();
        assert!(line.chars().count() <= 4 + WIDTH, "{}", line.chars().count());
        let caret = under.chars().position(|c| c == '^').unwrap();
        let pointed: String = line.chars().skip(caret).take(5).collect();
        assert_eq!(pointed, "wrong");
        assert!(line.ends_with('…') && line.starts_with("1 | …"));
    }
}
