//! How Hive's text falls into tokens.

use sqlparser::dialect::Dialect;

/// Names in back quotes, strings in either quote with backslash escapes, names that begin with a digit.
#[derive(Debug)]
pub(super) struct HiveDdl;

impl Dialect for HiveDdl {
    fn is_identifier_start(&self, c: char) -> bool {
        c.is_alphabetic() || c == '_'
    }

    fn is_identifier_part(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_' || c == '$'
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        c == '`'
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn supports_numeric_prefix(&self) -> bool {
        true
    }
}
