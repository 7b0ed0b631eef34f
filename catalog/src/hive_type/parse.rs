//! Reads `map<string,array<decimal(10,2)>>` and the like.

use super::HiveType;
use crate::error::{CatalogError, CatalogErrorKind, Result};

/// Deep enough for any table, shallow enough for any stack.
const MAX_DEPTH: usize = 64;

pub(super) fn parse(text: &str) -> Result<HiveType> {
    let mut reader = Reader { text, rest: text, depth: 0 };
    let data_type = reader.data_type()?;
    reader.skip_space();
    if reader.rest.is_empty() { Ok(data_type) } else { Err(reader.unexpected("the end of the type")) }
}

/// Whether a struct's field needs no back quotes.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_char)
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn data_type(&mut self) -> Result<HiveType> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(CatalogError::invalid(format!("the type is nested more than {MAX_DEPTH} deep")));
        }
        let name = self.word("a type")?.to_lowercase();
        let data_type = match name.as_str() {
            "boolean" | "bool" => HiveType::Boolean,
            "tinyint" => HiveType::TinyInt,
            "smallint" => HiveType::SmallInt,
            "int" | "integer" => HiveType::Int,
            "bigint" | "long" => HiveType::BigInt,
            "float" | "real" => HiveType::Float,
            "double" => {
                self.keyword("precision");
                HiveType::Double
            }
            "decimal" | "numeric" | "dec" => self.decimal()?,
            "string" | "text" => HiveType::String,
            "char" => HiveType::Char(self.length()?.unwrap_or(1)),
            "varchar" => self.length()?.map_or(HiveType::String, HiveType::Varchar),
            "date" => HiveType::Date,
            "timestamp" => self.timestamp()?,
            "binary" | "varbinary" => HiveType::Binary,
            "array" => {
                self.expect('<')?;
                let item = self.data_type()?;
                self.expect('>')?;
                HiveType::Array(Box::new(item))
            }
            "map" => self.map()?,
            "struct" => self.fields()?,
            "interval" | "time" | "json" | "uuid" | "uniontype" | "timestamptz" => {
                return Err(CatalogError::new(
                    CatalogErrorKind::NotSupported,
                    format!("the type {name} is not supported"),
                ));
            }
            _ => return Err(CatalogError::invalid(format!("{name:?} is not a Hive type{}", suggestion(&name)))),
        };
        self.depth -= 1;
        Ok(data_type)
    }

    fn decimal(&mut self) -> Result<HiveType> {
        let (precision, scale) = if self.take('(') {
            let precision = self.number()?;
            let scale = if self.take(',') { self.number()? } else { 0 };
            self.expect(')')?;
            (precision, scale)
        } else {
            (10, 0)
        };
        match (u8::try_from(precision), u8::try_from(scale)) {
            (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => Ok(HiveType::Decimal { precision, scale }),
            _ => Err(CatalogError::invalid(format!(
                "decimal({precision},{scale}) does not exist: 1 to 38 digits, and no more of them after the point"
            ))),
        }
    }

    fn timestamp(&mut self) -> Result<HiveType> {
        if self.take('(') {
            // Trino's `timestamp(3)`: Hive has one precision, so the digits say nothing.
            self.number()?;
            self.expect(')')?;
        }
        if !self.keyword("with") {
            return Ok(HiveType::Timestamp);
        }
        self.keyword("local");
        if self.keyword("time") && self.keyword("zone") {
            Ok(HiveType::Instant)
        } else {
            Err(self.unexpected("time zone"))
        }
    }

    fn map(&mut self) -> Result<HiveType> {
        self.expect('<')?;
        let key = self.data_type()?;
        if matches!(key, HiveType::Array(_) | HiveType::Map(..) | HiveType::Struct(_)) {
            return Err(CatalogError::invalid(format!("{key} cannot be the key of a map")));
        }
        self.expect(',')?;
        let value = self.data_type()?;
        self.expect('>')?;
        Ok(HiveType::Map(Box::new(key), Box::new(value)))
    }

    fn fields(&mut self) -> Result<HiveType> {
        self.expect('<')?;
        let mut fields: Vec<(String, HiveType)> = Vec::new();
        loop {
            let name = self.field_name()?;
            self.expect(':')?;
            if fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                return Err(CatalogError::invalid(format!("field {name} is named twice in a struct")));
            }
            fields.push((name, self.data_type()?));
            if !self.take(',') {
                self.expect('>')?;
                return Ok(HiveType::Struct(fields));
            }
        }
    }

    fn field_name(&mut self) -> Result<String> {
        if !self.take('`') {
            return self.word("a field name").map(str::to_owned);
        }
        let mut name = String::new();
        loop {
            let Some(end) = self.rest.find('`') else {
                return Err(self.unexpected("a closing back quote"));
            };
            name.push_str(&self.rest[..end]);
            self.rest = &self.rest[end + 1..];
            // Two back quotes stand for one.
            match self.rest.strip_prefix('`') {
                Some(rest) => self.rest = rest,
                None => return Ok(name),
            }
            name.push('`');
        }
    }

    fn length(&mut self) -> Result<Option<u32>> {
        if !self.take('(') {
            return Ok(None);
        }
        let length = self.number()?;
        self.expect(')')?;
        if length == 0 {
            return Err(CatalogError::invalid("a length of 0 holds no text"));
        }
        Ok(Some(length))
    }

    fn number(&mut self) -> Result<u32> {
        let word = self.word("a number")?;
        word.parse().map_err(|_| CatalogError::invalid(format!("expected a number in the type, found {word:?}")))
    }

    fn word(&mut self, expected: &str) -> Result<&str> {
        self.skip_space();
        let end = self.rest.find(|c| !is_name_char(c)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.unexpected(expected));
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word)
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.rest;
        let found = self.word(keyword).is_ok_and(|word| word.eq_ignore_ascii_case(keyword));
        if !found {
            self.rest = before;
        }
        found
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let Some(rest) = self.rest.strip_prefix(wanted) else { return false };
        self.rest = rest;
        true
    }

    fn expect(&mut self, wanted: char) -> Result<()> {
        if self.take(wanted) { Ok(()) } else { Err(self.unexpected(&format!("{wanted:?}"))) }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn unexpected(&self, expected: &str) -> CatalogError {
        let place = self.text.len() - self.rest.len();
        let found = match self.rest.chars().next() {
            Some(found) => format!("{found:?}"),
            None => "its end".to_owned(),
        };
        let before = self.text[..place].trim();
        let after = if before.is_empty() { String::new() } else { format!(" after {before:?}") };
        CatalogError::invalid(format!(
            "the type {:?} is not complete: expected {expected}{after}, found {found}",
            self.text
        ))
    }
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '.')
}

/// What people write who come from other databases.
fn suggestion(name: &str) -> &'static str {
    match name {
        "number" => "; try decimal(38,0)",
        "int2" => "; try smallint",
        "int4" => "; try int",
        "int8" => "; try bigint",
        "float4" => "; try float",
        "float8" => "; try double",
        "datetime" => "; try timestamp",
        "bytea" | "blob" => "; try binary",
        "row" => "; try struct<name:type>",
        "utf8" | "nvarchar" | "clob" => "; try string",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(text: &str, printed: &str) {
        let parsed = parse(text).unwrap();
        assert_eq!(parsed.to_string(), printed);
        assert_eq!(parse(printed).unwrap(), parsed);
    }

    #[test]
    fn scalars_and_aliases() {
        reads("BIGINT", "bigint");
        reads("integer", "int");
        reads("double precision", "double");
        reads("decimal", "decimal(10,0)");
        reads("Decimal( 12 , 3 )", "decimal(12,3)");
        reads("decimal(5)", "decimal(5,0)");
        reads("varchar", "string");
        reads("varchar(20)", "varchar(20)");
        reads("char(3)", "char(3)");
        reads("timestamp(6)", "timestamp");
        reads("TIMESTAMP WITH LOCAL TIME ZONE", "timestamp with local time zone");
    }

    #[test]
    fn nested() {
        reads("array<array<int>>", "array<array<int>>");
        reads("MAP<string, ARRAY<decimal(10, 2)>>", "map<string,array<decimal(10,2)>>");
        reads("struct<a: int, `b c`:struct<d:date>>", "struct<a:int,`b c`:struct<d:date>>");
        reads("struct<`tick``ed`:int>", "struct<`tick``ed`:int>");
    }

    #[test]
    fn rejected_with_a_reason() {
        for (text, reason) in [
            ("nubmer", "\"nubmer\" is not a Hive type"),
            ("datetime", "try timestamp"),
            ("decimal(39,0)", "1 to 38 digits"),
            ("decimal(4,5)", "decimal(4,5) does not exist"),
            ("array<int", "expected '>' after \"array<int\", found its end"),
            ("array", "expected '<'"),
            ("map<array<int>,int>", "cannot be the key of a map"),
            ("struct<a int>", "expected ':'"),
            ("struct<a:int,A:int>", "named twice"),
            ("int int", "expected the end of the type"),
            ("", "expected a type"),
            ("char(0)", "length of 0"),
            ("uniontype<int>", "not supported"),
        ] {
            let message = parse(text).unwrap_err().message;
            assert!(message.contains(reason), "{text}: {message}");
        }
        let bomb = "array<".repeat(10_000);
        assert!(parse(&bomb).unwrap_err().message.contains("nested"));
    }
}
