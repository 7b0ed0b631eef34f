//! A bound on how deep a statement may be.
//!
//! The parser bounds its own recursion (parentheses, `CASE`, `NOT`), but reads a chain such as `1 + 1 + 1` or `a UNION b UNION c` in a
//! loop, and makes a tree of it that is as deep as the chain is long. Whatever walks such a tree (planning, evaluation, even
//! dropping it) recurses, and a stack that is used up ends the process: one statement must not be able to do that.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::places::of_location;
use crate::error::{Error, ErrorCode, Result};

/// Tokens from the start of the statement down to any of its tokens, without those between commas before it, or in parentheses that
/// have been closed. Two of them make one level at least: some 1,000 conditions in a row, or 500 `UNION`s.
const DEEPEST: usize = 4_000;

/// # Errors
/// `Syntax` at the first token that lies too deep.
pub(super) fn check(tokens: &[TokenWithSpan]) -> Result<()> {
    // What each open parenthesis began at.
    let mut starts = vec![0_usize];
    let mut depth = 0_usize;
    for token in tokens {
        match token.token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                depth += 1;
                starts.push(depth);
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                // What was inside hangs beside, not below, what comes after.
                if starts.len() > 1 {
                    depth = starts.pop().unwrap_or(0);
                }
            }
            Token::Comma => depth = starts.last().copied().unwrap_or(0),
            _ => depth += 1,
        }
        if depth > DEEPEST {
            let error = Error::new(ErrorCode::Syntax, "the statement is nested too deeply").with_hint(
                "chains count too: say a = 1 OR a = 2 OR ... as a IN (1, 2, ...), and a long union as one VALUES list",
            );
            return Err(match of_location(token.span.start) {
                Some(position) => error.at(position),
                None => error,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::super::dialect::AthenaDialect;
    use super::*;

    fn checked(sql: &str) -> Result<()> {
        let mut tokens = Tokenizer::new(&AthenaDialect, sql).tokenize_with_location().unwrap();
        tokens.retain(|token| !matches!(token.token, Token::Whitespace(_)));
        check(&tokens)
    }

    #[test]
    fn wide_statements_are_not_deep() {
        checked(&format!("SELECT * FROM t WHERE a IN ({})", "1,".repeat(100_000))).unwrap();
        checked(&format!("VALUES {}(1)", "(1,(2),3),".repeat(100_000))).unwrap();
        checked(&format!("SELECT 1{}", "+1".repeat(1_900))).unwrap();
        checked(&format!("SELECT {}1", "f(a, b) = ".repeat(1_000))).unwrap();
    }

    #[test]
    fn chains_are_deep_and_so_are_chains_within_each_other() {
        for deep in [
            format!("SELECT 1{}", "+1".repeat(2_000)),
            format!("SELECT {}", "(".repeat(5_000)),
            format!("SELECT {}", "(1+1+1+1+1+1+1+1+1+1+".repeat(300)),
            format!("SELECT 1{}", " UNION SELECT 1".repeat(2_000)),
            format!("SELECT x{}", "[1]".repeat(4_000)),
        ] {
            let error = checked(&deep).unwrap_err();
            assert!(
                error.code == ErrorCode::Syntax && error.position.is_some() && error.hint.is_some(),
                "{}",
                &deep[..30]
            );
        }
    }
}
