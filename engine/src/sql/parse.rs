//! The one entry from text to statements.

use arachne_catalog::ddl;
use datafusion::sql::parser::{DFParser, DFParserBuilder, Statement as Parsed};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};

use super::depth;
use super::dialect::AthenaDialect;
use super::errors::{at_tokenizer_error, from_parser};
use super::near::nearest;
use super::parameters::number;
use super::places::{end_of, move_tokens, of_location, to_catalog};
use super::split::{Piece, first_word, is_hive, split};
use super::statement::{Explain, ExplainType, Statement};
use super::trino::say_in_datafusions_words;
use crate::error::{Error, ErrorCode, Position, Result};

/// Address space; what is not used costs nothing.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Words that begin a statement that is understood.
const KNOWN: [&str; 17] = [
    "SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "CREATE", "DROP", "ALTER", "SHOW", "DESCRIBE", "DESC", "MSCK",
    "USE", "SET", "RESET", "FROM", "REPAIR",
];

/// Reads every statement of a script. The first error ends it; its place counts in the whole script.
pub fn parse(sql: &str) -> Result<Vec<Statement>> {
    split(sql).into_iter().map(parse_piece).collect()
}

/// Reads exactly one statement.
pub fn parse_one(sql: &str) -> Result<Statement> {
    match split(sql)[..] {
        [piece] => parse_piece(piece),
        [] => Err(Error::new(ErrorCode::Syntax, "there is no statement to run")),
        [_, second, ..] => {
            Err(Error::new(ErrorCode::Syntax, "one statement at a time: another one begins here").at(second.position))
        }
    }
}

fn parse_piece(piece: Piece<'_>) -> Result<Statement> {
    let word = first_word(piece.text);
    if is_hive(&word) {
        return Ok(match ddl::parse_at(piece.text, to_catalog(piece.position))? {
            ddl::Statement::Ddl(ddl) => Statement::Ddl(ddl),
            ddl::Statement::Show(show) => Statement::Show(show),
            ddl::Statement::Describe(describe) => Statement::Describe(describe),
            ddl::Statement::Use(database) => Statement::Use { database },
        });
    }
    let tokens = Tokens::new(piece)?;
    match word.as_str() {
        "SELECT" | "WITH" | "VALUES" | "TABLE" => tokens.query().map(Statement::Query),
        "" if tokens.peek() == Some(&Token::LParen) => tokens.query().map(Statement::Query),
        "EXPLAIN" => explain(tokens).map(Statement::Explain),
        "SET" => set(tokens),
        "RESET" => reset(tokens),
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "UNLOAD" | "COPY" | "TRUNCATE" | "OPTIMIZE" | "VACUUM"
        | "PREPARE" | "EXECUTE" | "DEALLOCATE" | "GRANT" | "REVOKE" | "ANALYZE" | "CALL" | "BEGIN" | "START"
        | "COMMIT" | "ROLLBACK" => {
            let message = format!("{word} is not supported: tables are read, never written");
            Err(Error::new(ErrorCode::NotSupported, message).at(piece.position))
        }
        _ => Err(unknown_statement(&tokens, &word)),
    }
}

fn unknown_statement(tokens: &Tokens<'_>, word: &str) -> Error {
    let error = tokens.expected("a statement (SELECT, CREATE EXTERNAL TABLE, SHOW, ...)");
    match nearest(word, KNOWN) {
        Some(near) if !word.is_empty() => error.with_hint(format!("did you mean {near}?")),
        _ => error,
    }
}

/// `EXPLAIN [ANALYZE] [VERBOSE] [(TYPE t, FORMAT TEXT)] query`
fn explain(mut tokens: Tokens<'_>) -> Result<Explain> {
    tokens.word("EXPLAIN");
    let analyze = tokens.word("ANALYZE");
    let verbose = tokens.word("VERBOSE");
    let explain_type = if tokens.is_word_at(1, "TYPE") || tokens.is_word_at(1, "FORMAT") {
        explain_options(&mut tokens)?
    } else {
        ExplainType::default()
    };
    Ok(Explain { statement: tokens.query()?, analyze, verbose, explain_type })
}

fn explain_options(tokens: &mut Tokens<'_>) -> Result<ExplainType> {
    let mut explain_type = ExplainType::default();
    tokens.next += 1;
    loop {
        if tokens.word("TYPE") {
            explain_type = if tokens.word("LOGICAL") {
                ExplainType::Logical
            } else if tokens.word("DISTRIBUTED") {
                ExplainType::Distributed
            } else if tokens.word("VALIDATE") {
                ExplainType::Validate
            } else {
                return Err(tokens.expected("LOGICAL, DISTRIBUTED or VALIDATE"));
            };
        } else if tokens.word("FORMAT") {
            if !tokens.word("TEXT") {
                return Err(tokens.expected("TEXT, the only format of a plan"));
            }
        } else {
            return Err(tokens.expected("TYPE or FORMAT"));
        }
        if tokens.take(&Token::RParen) {
            return Ok(explain_type);
        }
        if !tokens.take(&Token::Comma) {
            return Err(tokens.expected("',' or ')'"));
        }
    }
}

/// `SET [SESSION] name = value`, `SET name TO value`
fn set(mut tokens: Tokens<'_>) -> Result<Statement> {
    tokens.word("SET");
    tokens.word("SESSION");
    let name = setting_name(&mut tokens)?;
    if !tokens.take(&Token::Eq) && !tokens.word("TO") {
        return Err(tokens.expected("'=' or TO"));
    }
    let mut value = String::new();
    if tokens.peek().is_none() {
        return Err(tokens.expected("a value"));
    }
    // `64 MiB`, `-1`, `30s`: one value, however many tokens it falls into.
    while let Some(token) = tokens.advance() {
        match token {
            Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => value.push_str(text),
            token => value.push_str(&token.to_string()),
        }
    }
    Ok(Statement::Set { name, value })
}

fn reset(mut tokens: Tokens<'_>) -> Result<Statement> {
    tokens.word("RESET");
    tokens.word("SESSION");
    let name = setting_name(&mut tokens)?;
    if tokens.peek().is_some() {
        Err(tokens.expected("the end of the statement"))
    } else {
        Ok(Statement::Reset { name })
    }
}

fn setting_name(tokens: &mut Tokens<'_>) -> Result<String> {
    let mut name = String::new();
    loop {
        let Some(Token::Word(word)) = tokens.peek() else { return Err(tokens.expected("the name of a setting")) };
        name.push_str(&word.value.to_lowercase());
        tokens.next += 1;
        if !tokens.take(&Token::Period) {
            return Ok(name);
        }
        name.push('.');
    }
}

/// The tokens of one statement, at their places in the script.
struct Tokens<'a> {
    piece: Piece<'a>,
    tokens: Vec<TokenWithSpan>,
    next: usize,
}

impl<'a> Tokens<'a> {
    fn new(piece: Piece<'a>) -> Result<Self> {
        let mut tokens = Tokenizer::new(&AthenaDialect, piece.text)
            .tokenize_with_location()
            .map_err(|error| at_tokenizer_error(&error, piece.position))?;
        move_tokens(&mut tokens, piece.position);
        tokens.retain(|token| !is_blank(&token.token));
        Ok(Self { piece, tokens, next: 0 })
    }

    /// What is left, as a query.
    fn query(self) -> Result<Parsed> {
        let mut rest = without_table_statement(self.tokens[self.next..].to_vec());
        number(&mut rest)?;
        depth::check(&rest)?;
        // The tree is walked by recursion, with frames of kilobytes where nothing is optimised.
        stacker::maybe_grow(STACK_BYTES / 2, STACK_BYTES, || self.parsed(rest))
    }

    fn parsed(&self, rest: Vec<TokenWithSpan>) -> Result<Parsed> {
        let end = self.end();
        let failed = |error| self.at_the_word_found(from_parser(error, end, self.piece.text));
        let mut parser: DFParser<'_> =
            DFParserBuilder::new(rest).with_dialect(&AthenaDialect).build().map_err(failed)?;
        let mut statement = parser.parse_statement().map_err(failed)?;
        let after = parser.parser.peek_token();
        if after.token != Token::EOF {
            let found = parser.parser.expected::<()>("end of statement", after).map_err(Into::into);
            found.map_err(failed)?;
        }
        match &mut statement {
            Parsed::Statement(inner) if matches!(**inner, ast::Statement::Query(_)) => {
                say_in_datafusions_words(inner)?;
                Ok(statement)
            }
            _ => Err(self.expected("a query")),
        }
    }

    /// In one message (`SELECT a, FROM t`) the parser gives the place of the token after the one that it complains of.
    fn at_the_word_found(&self, error: Error) -> Error {
        let Some((_, found)) = error.message.rsplit_once("found ") else { return error };
        let after = self.tokens.iter().position(|token| of_location(token.span.start) == error.position);
        let before = after.and_then(|after| self.tokens.get(after.checked_sub(1)?));
        let is_found = |token: &TokenWithSpan| token.token.to_string() == found;
        match (after.and_then(|after| self.tokens.get(after)), before) {
            (Some(after), Some(before)) if is_found(before) && !is_found(after) => {
                Error { position: of_location(before.span.start), ..error }
            }
            _ => error,
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|token| &token.token)
    }

    fn advance(&mut self) -> Option<&Token> {
        self.next += 1;
        self.tokens.get(self.next - 1).map(|token| &token.token)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.next += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.is_word_at(0, word);
        self.next += usize::from(found);
        found
    }

    fn is_word_at(&self, ahead: usize, wanted: &str) -> bool {
        match self.tokens.get(self.next + ahead).map(|token| &token.token) {
            Some(Token::Word(word)) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
            _ => false,
        }
    }

    fn expected(&self, what: &str) -> Error {
        let (found, position) = match self.tokens.get(self.next) {
            Some(token) => (format!("'{}'", token.token), of_location(token.span.start)),
            None => ("the end of the statement".to_owned(), None),
        };
        Error::new(ErrorCode::Syntax, format!("expected {what}, found {found}")).at(position.unwrap_or(self.end()))
    }

    fn end(&self) -> Position {
        let end = end_of(self.piece.text);
        let start = self.piece.position;
        match end.line {
            1 => Position { line: start.line, column: start.column + end.column - 1 },
            line => Position { line: start.line + line - 1, column: end.column },
        }
    }
}

/// `TABLE t` is `SELECT * FROM t`, which the parser knows inside of queries only.
fn without_table_statement(mut tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let Some(first) = tokens.first() else { return tokens };
    let is_table =
        matches!(&first.token, Token::Word(word) if word.quote_style.is_none() && word.keyword == Keyword::TABLE);
    if is_table {
        let span = first.span;
        let select = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
        tokens.splice(..1, select.map(|token| TokenWithSpan::new(token, span)));
    }
    tokens
}

fn is_blank(token: &Token) -> bool {
    // The parser reads comments of its own accord where a dialect gives them a meaning; ours gives them none.
    matches!(
        token,
        Token::Whitespace(
            Whitespace::Space
                | Whitespace::Newline
                | Whitespace::Tab
                | Whitespace::SingleLineComment { .. }
                | Whitespace::MultiLineComment(_)
        )
    )
}

#[cfg(test)]
mod tests;
