//! A place in the tokens of one statement, and the small steps that every clause is read with.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::dialect::HiveDdl;
use super::statement::{PartitionSpec, TableName};
use super::text::unescape;
use crate::error::{CatalogError, CatalogErrorKind, Position, Result};
use crate::hive_type::HiveType;
use crate::model::{Column, Parameters};

pub(super) struct Cursor {
    tokens: Vec<TokenWithSpan>,
    next: usize,
    start: Position,
}

impl Cursor {
    /// `start` is the place of the text's first character in the script it was taken from.
    pub(super) fn new(text: &str, start: Position) -> Result<Self> {
        let tokens = Tokenizer::new(&HiveDdl, text)
            .with_unescape(false)
            .tokenize_with_location()
            .map_err(|error| CatalogError::invalid(lower_first(&error.message)).at(moved(error.location, start)))?;
        let end = tokens.last().map_or(Location::new(1, 1), |token| token.span.end);
        let mut tokens: Vec<_> =
            tokens.into_iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).collect();
        tokens.push(TokenWithSpan::at(Token::EOF, end, end));
        Ok(Self { tokens, next: 0, start })
    }

    /// Of the next token.
    pub(super) fn position(&self) -> Position {
        self.tokens.get(self.next).map_or(self.start, |token| moved(token.span.start, self.start))
    }

    /// Takes the next tokens when they are exactly these words, else takes nothing.
    pub(super) fn words(&mut self, words: &[&str]) -> bool {
        let found = self.peek_words(words);
        if found {
            self.next += words.len();
        }
        found
    }

    pub(super) fn word(&mut self, word: &str) -> bool {
        self.words(&[word])
    }

    pub(super) fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.word(word) { Ok(()) } else { Err(self.expected(word)) }
    }

    pub(super) fn peek_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.is_word(ahead, word))
    }

    pub(super) fn peek_word(&self, word: &str) -> bool {
        self.is_word(0, word)
    }

    pub(super) fn token(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        if found {
            self.next += 1;
        }
        found
    }

    pub(super) fn expect(&mut self, token: &Token) -> Result<()> {
        if self.token(token) { Ok(()) } else { Err(self.expected(&format!("'{token}'"))) }
    }

    /// The end, past an optional semicolon.
    pub(super) fn expect_end(&mut self) -> Result<()> {
        self.token(&Token::SemiColon);
        if *self.peek() == Token::EOF { Ok(()) } else { Err(self.expected("the end of the statement")) }
    }

    /// A name, plain or in quotes, in lower case.
    pub(super) fn name(&mut self, what: &str) -> Result<String> {
        let name = match self.peek() {
            Token::Word(word) if word.quote_style.is_some() => word.value.replace("``", "`"),
            Token::Word(word) => word.value.clone(),
            Token::DoubleQuotedString(raw) => raw.replace("\"\"", "\""),
            _ => return Err(self.expected(what)),
        };
        self.next += 1;
        Ok(name.to_lowercase())
    }

    /// `[[awsdatacatalog.]database.]table`
    pub(super) fn table_name(&mut self) -> Result<TableName> {
        let position = self.position();
        let mut parts = vec![self.name("the name of a table")?];
        while self.token(&Token::Period) {
            parts.push(self.name("the name of a table")?);
        }
        // Athena prints both names in one pair of back quotes.
        if let [only] = &parts[..]
            && only.contains('.')
        {
            parts = only.split('.').map(str::to_owned).collect();
        }
        if parts.len() == 3 && parts[0] == "awsdatacatalog" {
            parts.remove(0);
        }
        match <[String; 2]>::try_from(parts) {
            Ok([database, name]) => Ok(TableName { database: Some(database), name, position }),
            Err(mut parts) if parts.len() == 1 => Ok(TableName { database: None, name: parts.remove(0), position }),
            Err(parts) => {
                Err(CatalogError::invalid(format!("{} has too many parts: write database.table", parts.join(".")))
                    .at(position))
            }
        }
    }

    pub(super) fn string(&mut self, what: &str) -> Result<String> {
        let text = match self.peek() {
            Token::SingleQuotedString(raw) => unescape(raw, '\''),
            Token::DoubleQuotedString(raw) => unescape(raw, '"'),
            _ => return Err(self.expected(&format!("{what} in quotes"))),
        };
        self.next += 1;
        Ok(text)
    }

    /// `( item, item, ... )`, at least one.
    pub(super) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        self.expect(&Token::LParen)?;
        let mut items = vec![item(self)?];
        while self.token(&Token::Comma) {
            items.push(item(self)?);
        }
        if self.token(&Token::RParen) { Ok(items) } else { Err(self.expected("',' or ')'")) }
    }

    /// `('key'='value', ...)`
    pub(super) fn properties(&mut self) -> Result<Parameters> {
        let pairs = self.list(|cursor| {
            let key = cursor.string("a property's name")?;
            cursor.expect(&Token::Eq)?;
            Ok((key, cursor.string("a property's value")?))
        })?;
        Ok(pairs.into_iter().collect())
    }

    /// `name type [COMMENT 'text']`
    pub(super) fn column(&mut self) -> Result<Column> {
        let name = self.name("the name of a column")?;
        let data_type = self.data_type(&name)?;
        let comment = if self.word("COMMENT") { Some(self.string("a comment")?) } else { None };
        Ok(Column { name, data_type, comment })
    }

    /// A type in its canonical spelling.
    fn data_type(&mut self, column: &str) -> Result<String> {
        let position = self.position();
        if !matches!(self.peek(), Token::Word(_)) {
            return Err(self.expected(&format!("a type for column {column}")));
        }
        let text = self.type_text();
        let parsed = HiveType::parse(&text);
        let named =
            |error: CatalogError| CatalogError { message: format!("column {column}: {}", error.message), ..error };
        Ok(parsed.map_err(|error| named(error).at(position))?.to_string())
    }

    /// The tokens of a type: a word, perhaps more words that belong to it, and everything in the brackets that follow.
    fn type_text(&mut self) -> String {
        let first = self.next;
        self.next += 1;
        if self.tokens[first].token.to_string().eq_ignore_ascii_case("double") {
            self.word("precision");
        }
        let mut depth = 0_i32;
        loop {
            match self.peek() {
                Token::Lt | Token::LParen => depth += 1,
                Token::Gt | Token::RParen if depth > 0 => depth -= 1,
                Token::ShiftRight if depth > 0 => depth -= 2,
                Token::EOF | Token::SemiColon => break,
                _ if depth > 0 => {}
                _ => break,
            }
            self.next += 1;
            if depth <= 0 {
                break;
            }
        }
        self.words(&["with", "local", "time", "zone"]);

        let mut text = String::new();
        let mut after_word = false;
        for token in &self.tokens[first..self.next] {
            let is_word = matches!(token.token, Token::Word(_) | Token::Number(..));
            if after_word && is_word {
                text.push(' ');
            }
            text.push_str(&token.token.to_string());
            after_word = is_word;
        }
        text
    }

    /// `PARTITION (key=value, ...)`
    pub(super) fn partition_spec(&mut self) -> Result<PartitionSpec> {
        let position = self.position();
        self.expect_word("PARTITION")?;
        let pairs = self.list(|cursor| {
            let key = cursor.name("the name of a partition column")?;
            cursor.expect(&Token::Eq)?;
            Ok((key, cursor.partition_value()?))
        })?;
        Ok(PartitionSpec { pairs, position })
    }

    /// Text, a number, or `date '2024-01-01'`.
    fn partition_value(&mut self) -> Result<String> {
        if self.peek_word("date") || self.peek_word("timestamp") {
            self.next += 1;
        }
        let sign = if self.token(&Token::Minus) { "-" } else { "" };
        match self.peek() {
            Token::Number(digits, _) => {
                let value = format!("{sign}{digits}");
                self.next += 1;
                Ok(value)
            }
            Token::Word(word)
                if word.quote_style.is_none() && matches!(word.value.to_lowercase().as_str(), "true" | "false") =>
            {
                let value = word.value.to_lowercase();
                self.next += 1;
                Ok(value)
            }
            Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("null") => {
                self.next += 1;
                Ok(crate::hive_path::NULL_VALUE.to_owned())
            }
            _ if sign.is_empty() => self.string("a value"),
            _ => Err(self.expected("a number")),
        }
    }

    /// The error that says what was expected here.
    pub(super) fn expected(&self, what: &str) -> CatalogError {
        let found = match self.peek() {
            Token::EOF => "the end of the statement".to_owned(),
            Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) => format!("the text {}", self.peek()),
            token => format!("'{token}'"),
        };
        CatalogError::invalid(format!("expected {what}, found {found}")).at(self.position())
    }

    pub(super) fn not_supported(&self, what: &str) -> CatalogError {
        CatalogError::new(CatalogErrorKind::NotSupported, format!("{what} is not supported")).at(self.position())
    }

    pub(super) fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::EOF, |token| &token.token)
    }

    fn is_word(&self, ahead: usize, wanted: &str) -> bool {
        match self.tokens.get(self.next + ahead).map(|token| &token.token) {
            Some(Token::Word(word)) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted),
            _ => false,
        }
    }
}

fn moved(location: Location, start: Position) -> Position {
    match location.line {
        0 | 1 => Position { line: start.line, column: start.column + location.column.max(1) - 1 },
        line => Position { line: start.line + line - 1, column: location.column },
    }
}

fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}
