//! What a query leaves open: `?`, `$1`, `$name`, `:name`.
//!
//! All of them become `$1`, `$2`, ... before the parser sees them: that is the only form that the planner gives types to.

use std::collections::HashMap;

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::dialect::AthenaDialect;
use super::errors::at_tokenizer_error;
use super::places::of_location;
use super::split::{first_word, is_hive, split};
use crate::error::{Error, ErrorCode, Result};

/// The places of a statement that wait for a value, in the order of `$1`, `$2`, ...
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Placeholders {
    #[default]
    None,
    /// So many: one for each `?`, or as many as the highest `$n`.
    Positional(usize),
    /// In the order of their first mention.
    Named(Vec<String>),
}

impl Placeholders {
    pub fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Positional(count) => *count,
            Self::Named(names) => names.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As users write them: `$1`, or the name.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::None => Vec::new(),
            Self::Positional(count) => (1..=*count).map(|nth| format!("${nth}")).collect(),
            Self::Named(names) => names.clone(),
        }
    }
}

/// More in one statement is a mistake, and each has a type to be found.
const MOST: usize = 32_768;

/// The placeholders of a statement; none in definitions.
///
/// # Errors
/// `Syntax` for a text that has no tokens, or two kinds of placeholders.
pub fn placeholders(sql: &str) -> Result<Placeholders> {
    let Some(piece) = split(sql).into_iter().next() else { return Ok(Placeholders::None) };
    if is_hive(&first_word(piece.text)) || !piece.text.contains(['?', '$', ':']) {
        return Ok(Placeholders::None);
    }
    let mut tokens = Tokenizer::new(&AthenaDialect, piece.text)
        .tokenize_with_location()
        .map_err(|error| at_tokenizer_error(&error, piece.position))?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
    number(&mut tokens)
}

/// Numbers the placeholders among the tokens of a query, which are without blanks.
pub(super) fn number(tokens: &mut Vec<TokenWithSpan>) -> Result<Placeholders> {
    let mut found = Numbering::default();
    let mut numbered = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let Some(written) = written_at(tokens, at) else {
            numbered.push(tokens[at].clone());
            at += 1;
            continue;
        };
        let place = tokens[at].span;
        let failed = |error: Error| match of_location(place.start) {
            Some(position) => error.at(position),
            None => error,
        };
        let nth = found.note(&written).map_err(failed)?;
        numbered.push(TokenWithSpan::new(Token::Placeholder(format!("${nth}")), place));
        at += if matches!(written, Written::Colon(_)) { 2 } else { 1 };
    }
    *tokens = numbered;
    Ok(found.all)
}

/// Placeholders so far, and the numbers of those that have names.
#[derive(Default)]
struct Numbering {
    all: Placeholders,
    by_name: HashMap<String, usize>,
}

enum Written {
    Question,
    Numbered(usize),
    Name(String),
    /// Two tokens.
    Colon(String),
}

fn written_at(tokens: &[TokenWithSpan], at: usize) -> Option<Written> {
    match &tokens[at].token {
        Token::Placeholder(text) if text == "?" => Some(Written::Question),
        Token::Question => Some(Written::Question),
        Token::Placeholder(text) => {
            let name = text.strip_prefix(['$', '?'])?;
            Some(match name.parse() {
                Ok(number) => Written::Numbered(number),
                Err(_) => Written::Name(name.to_owned()),
            })
        }
        Token::Colon => {
            let next = tokens.get(at + 1).filter(|next| next.span.start == tokens[at].span.end)?;
            let Token::Word(word) = &next.token else { return None };
            let begins_value = at.checked_sub(1).is_none_or(|before| may_precede_value(&tokens[before], &tokens[at]));
            (begins_value && word.quote_style.is_none()).then(|| Written::Colon(word.value.clone()))
        }
        _ => None,
    }
}

/// Whether a value may stand after this: `WHERE :a`, `(:a`, `+ :a`; but not `row:a` or `array[1:a]`, where a colon means something else.
fn may_precede_value(before: &TokenWithSpan, colon: &TokenWithSpan) -> bool {
    match &before.token {
        // Many names are keywords somewhere: `day:hour` is a path, `AND :hour` is not.
        Token::Word(word) => {
            let apart = before.span.end != colon.span.start;
            apart && word.quote_style.is_none() && word.keyword != Keyword::NoKeyword
        }
        Token::Number(..)
        | Token::SingleQuotedString(_)
        | Token::DoubleQuotedString(_)
        | Token::Placeholder(_)
        | Token::RParen
        | Token::RBracket
        | Token::RBrace
        | Token::Colon => false,
        _ => true,
    }
}

impl Numbering {
    /// The number of a placeholder.
    fn note(&mut self, written: &Written) -> Result<usize> {
        let two_kinds = || {
            Error::new(ErrorCode::Syntax, "the statement has placeholders of two kinds")
                .with_hint("use ? or $1, or names ($name, :name), not both")
        };
        let too_many = || Error::new(ErrorCode::Syntax, format!("a statement has at most {MOST} placeholders"));
        match (&mut self.all, written) {
            (all @ Placeholders::None, Written::Question) => *all = Placeholders::Positional(1),
            (Placeholders::Positional(count), Written::Question) => *count += 1,
            (_, Written::Numbered(0)) => {
                return Err(Error::new(ErrorCode::Syntax, "placeholders are numbered from $1"));
            }
            (_, Written::Numbered(number)) if *number > MOST => return Err(too_many()),
            (all @ Placeholders::None, Written::Numbered(number)) => {
                *all = Placeholders::Positional(*number);
                return Ok(*number);
            }
            (Placeholders::Positional(count), Written::Numbered(number)) => {
                *count = (*count).max(*number);
                return Ok(*number);
            }
            (all @ Placeholders::None, Written::Name(name) | Written::Colon(name)) => {
                *all = Placeholders::Named(vec![name.clone()]);
                self.by_name.insert(name.clone(), 1);
            }
            (Placeholders::Named(names), Written::Name(name) | Written::Colon(name)) => {
                if let Some(known) = self.by_name.get(name) {
                    return Ok(*known);
                }
                names.push(name.clone());
                self.by_name.insert(name.clone(), names.len());
            }
            (Placeholders::Named(_), Written::Question | Written::Numbered(_))
            | (Placeholders::Positional(_), Written::Name(_) | Written::Colon(_)) => return Err(two_kinds()),
        }
        if self.all.len() > MOST { Err(too_many()) } else { Ok(self.all.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positional(sql: &str) -> usize {
        match placeholders(sql).unwrap() {
            Placeholders::None => 0,
            Placeholders::Positional(count) => count,
            named => panic!("{sql}: {named:?}"),
        }
    }

    #[test]
    fn placeholders_are_found_where_values_stand() {
        assert_eq!(positional("SELECT ?, '?', \"?\" -- ?\n FROM t /* ? */ WHERE a = ? LIMIT ?"), 3);
        assert_eq!(positional("SELECT $2, $1, $2"), 2);
        assert_eq!(positional("SELECT '$1', a[1:2], x::int, $$text$$"), 0);
        assert_eq!(positional("CREATE TABLE t (a int COMMENT 'it\\'s ?') LOCATION 's3://b/?'"), 0);
        let named = |names: &[&str]| Placeholders::Named(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(placeholders("SELECT :a, $b, (:a) WHERE x = :c AND :d").unwrap(), named(&["a", "b", "c", "d"]));
        assert_eq!(placeholders("SELECT x:a, y[1:z], {'k':v}, m.n:o").unwrap(), Placeholders::None);
    }

    #[test]
    fn two_kinds_in_one_statement_are_refused() {
        for sql in ["SELECT ?, :a", "SELECT $1, $b", "SELECT :a, $1", "SELECT $0", "SELECT $99999999"] {
            let error = placeholders(sql).unwrap_err();
            assert!(error.code == ErrorCode::Syntax && error.position.is_some(), "{sql}: {error:?}");
        }
    }
}
