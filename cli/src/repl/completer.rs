//! What Tab offers: tables after FROM, columns of the tables that are named, keywords, functions, commands.

use std::sync::{Arc, PoisonError, RwLock};

use reedline::{Completer, CompletionResult, Span, Suggestion};

use super::commands::COMMANDS;
use super::words::{FUNCTIONS, KEYWORDS};
use crate::engine::{KnownNames, KnownTable};
use crate::sql::scan::{Kind, Piece, pieces};

/// The names of the current database, as far as they are known; shared with the session, which keeps them fresh.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Arc<RwLock<KnownNames>>);

impl Names {
    pub(super) fn replace(&self, known: KnownNames) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

pub(super) struct SqlCompleter {
    names: Names,
}

impl SqlCompleter {
    pub(super) fn new(names: Names) -> Self {
        Self { names }
    }
}

impl Completer for SqlCompleter {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let known = self.names.0.read().unwrap_or_else(PoisonError::into_inner);
        CompletionResult::fresh(suggest(line, pos, &known))
    }
}

fn suggest(line: &str, pos: usize, known: &KnownNames) -> Vec<Suggestion> {
    let before = &line[..pos];
    if before.trim_start().starts_with('\\') && !before.trim_start().contains(' ') {
        let start = pos - before.trim_start().len();
        return matching(
            &before[start..],
            COMMANDS.iter().map(|command| (command.name.to_owned(), command.help)),
            start,
            pos,
        );
    }
    let found = pieces(before);
    let (word, earlier) = match found.split_last() {
        Some((last, earlier)) if last.kind == Kind::Word => (last.range.clone(), earlier),
        Some((last, _))
            if matches!(last.kind, Kind::Text | Kind::Comment) && !(last.closed && last.kind == Kind::Text) =>
        {
            return Vec::new();
        }
        _ => (pos..pos, found.as_slice()),
    };
    let typed = &before[word.clone()];
    let offers = offers(line, before, earlier, typed, known);
    matching(typed, offers.into_iter(), word.start, pos)
}

/// Candidates in the order in which they are shown.
fn offers(line: &str, before: &str, earlier: &[Piece], typed: &str, known: &KnownNames) -> Vec<(String, &'static str)> {
    let text = |piece: &Piece| before[piece.range.clone()].to_owned();
    if let [.., owner, dot] = earlier
        && &before[dot.range.clone()] == "."
    {
        return qualified(&text(owner), line, known);
    }
    if before.trim_start().starts_with('\\') {
        return known.tables.iter().map(|table| (quote(&table.name), "table")).collect();
    }
    let previous = earlier.iter().rfind(|piece| !piece.kind.is_blank()).map(|piece| text(piece).to_ascii_uppercase());
    let tables = || known.tables.iter().map(|table| (quote(&table.name), "table"));
    let databases = || known.databases.iter().map(|name| (quote(name), "database"));
    match previous.as_deref() {
        Some("FROM" | "JOIN" | "TABLE" | "DESCRIBE" | "DESC" | "INTO") => return tables().chain(databases()).collect(),
        Some("USE" | "DATABASE" | "SCHEMA") => return databases().collect(),
        _ => {}
    }
    let lower = typed.chars().next().is_some_and(char::is_lowercase);
    let keyword = |word: &&str| (if lower { word.to_ascii_lowercase() } else { (*word).to_owned() }, "");
    let mut found: Vec<_> =
        mentioned(line, known).flat_map(|table| table.columns.iter().map(|column| (quote(column), "column"))).collect();
    found.extend(KEYWORDS.iter().map(keyword));
    found.extend(FUNCTIONS.iter().map(|name| ((*name).to_owned(), "function")));
    found.extend(tables());
    found
}

/// After `owner.`: the columns of that table; for an alias, of every table that is named in the line.
fn qualified(owner: &str, line: &str, known: &KnownNames) -> Vec<(String, &'static str)> {
    let owner = owner.trim_matches(['"', '`']).to_ascii_lowercase();
    if known.databases.contains(&owner) {
        return known.tables.iter().map(|table| (quote(&table.name), "table")).collect();
    }
    let exact: Vec<&KnownTable> = known.tables.iter().filter(|table| table.name == owner).collect();
    let tables = if exact.is_empty() { mentioned(line, known).collect() } else { exact };
    tables.into_iter().flat_map(|table| table.columns.iter().map(|column| (quote(column), "column"))).collect()
}

/// The tables whose name stands anywhere in the line.
fn mentioned<'a>(line: &str, known: &'a KnownNames) -> impl Iterator<Item = &'a KnownTable> {
    let words = pieces(line).into_iter().filter(|piece| matches!(piece.kind, Kind::Word | Kind::QuotedName));
    let words: Vec<String> =
        words.map(|piece| line[piece.range].trim_matches(['"', '`']).to_ascii_lowercase()).collect();
    known.tables.iter().filter(move |table| words.contains(&table.name))
}

fn matching(
    typed: &str,
    offers: impl Iterator<Item = (String, &'static str)>,
    start: usize,
    end: usize,
) -> Vec<Suggestion> {
    let wanted = typed.to_lowercase();
    let fits = offers.filter(|(value, _)| value.trim_start_matches('"').to_lowercase().starts_with(&wanted));
    let suggestions = fits.map(|(value, about)| Suggestion {
        value,
        description: (!about.is_empty()).then(|| about.to_owned()),
        span: Span::new(start, end),
        append_whitespace: true,
        ..Suggestion::default()
    });
    let mut unique: Vec<Suggestion> = Vec::new();
    for suggestion in suggestions {
        if !unique.iter().any(|known| known.value == suggestion.value) {
            unique.push(suggestion);
        }
    }
    unique
}

fn quote(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !super::words::is_keyword(name);
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_follow_from() {
        assert_eq!(values("select * from li"), ["lineitem"]);
        assert_eq!(values("select * from "), ["lineitem", "orders", "\"odd name\"", "default"]);
    }

    #[test]
    fn columns_come_from_the_tables_in_the_line() {
        assert_eq!(complete("select l_s from lineitem", 10), ["l_shipdate"]);
        assert_eq!(complete("select l. from lineitem l", 9), ["l_orderkey", "l_shipdate"]);
        assert_eq!(values("select orders.o_"), ["o_orderkey"]);
    }

    #[test]
    fn keywords_follow_the_case_that_is_typed() {
        assert!(values("sel").contains(&"select".to_owned()));
        assert!(values("SEL").contains(&"SELECT".to_owned()));
    }

    #[test]
    fn commands_are_offered_after_the_backslash_and_nothing_inside_a_string() {
        assert!(values("\\ti").contains(&"\\timing".to_owned()));
        assert_eq!(values("\\d ord"), ["orders"]);
        assert!(values("select 'sel").is_empty());
    }

    fn values(line: &str) -> Vec<String> {
        complete(line, line.len())
    }

    fn complete(line: &str, pos: usize) -> Vec<String> {
        let table = |name: &str, columns: &[&str]| KnownTable {
            name: name.into(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        };
        let tables = vec![
            table("lineitem", &["l_orderkey", "l_shipdate"]),
            table("orders", &["o_orderkey"]),
            table("odd name", &[]),
        ];
        let known = KnownNames { databases: vec!["default".into()], tables };
        suggest(line, pos, &known).into_iter().map(|suggestion| suggestion.value).collect()
    }
}
