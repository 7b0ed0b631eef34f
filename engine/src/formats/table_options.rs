//! The text options that a catalog table declares, in Hive's and OpenCSV's words and our own.

use arachne_catalog::Table;
use arachne_catalog::format::FileFormat;

use crate::error::{Error, ErrorCode, Result};

use super::compression::Compression;
use super::options::{ColumnMapping, TextOptions};

impl TextOptions {
    /// Reads SerDe parameters and table properties:
    ///
    /// - LazySimpleSerDe: `field.delim` (default `\x01`), `escape.delim`, `serialization.null.format` (default `\N`); no quotes;
    /// - OpenCSVSerde: `separatorChar`, `quoteChar` (default `"`), `escapeChar` (default `\`); an empty field is an empty string;
    /// - both: `skip.header.line.count`, and as table properties `arachne.csv.on_error` (`fail`, `ignore`, `null`),
    ///   `arachne.csv.multiline`, `arachne.csv.comment`, `arachne.csv.null_text`, `arachne.csv.compression`.
    ///
    /// # Errors
    /// `NotSupported` for another SerDe or a line end other than LF, `InvalidArgument` for a value that cannot be meant.
    pub fn from_table(table: &Table) -> Result<Self> {
        let words = Words(table);
        let mut options = match FileFormat::of(&table.storage) {
            Some(FileFormat::DelimitedText) => Self {
                delimiter: words.byte("field.delim")?.or(words.byte("serialization.format")?).unwrap_or(1),
                quote: None,
                escape: words.byte("escape.delim")?,
                null_text: Some(words.get("serialization.null.format").unwrap_or("\\N").to_string()),
                ..Self::default()
            },
            Some(FileFormat::QuotedCsv) => Self {
                delimiter: words.byte("separatorChar")?.unwrap_or(b','),
                quote: Some(words.byte("quoteChar")?.unwrap_or(b'"')),
                escape: Some(words.byte("escapeChar")?.unwrap_or(b'\\')),
                null_text: words.get("serialization.null.format").map(str::to_string),
                epoch_times: true,
                ..Self::default()
            },
            _ => {
                let class = &table.storage.serde.serialization_library;
                let message =
                    format!("table {}.{} is not delimited text: its SerDe is {class}", table.database, table.name);
                return Err(Error::new(ErrorCode::NotSupported, message));
            }
        };
        if words.byte("line.delim")?.is_some_and(|end| end != b'\n') {
            return Err(Error::new(ErrorCode::NotSupported, words.about("line.delim", "only '\\n' ends a line")));
        }
        options.columns = ColumnMapping::Position;
        options.header_lines = words.parsed("skip.header.line.count", "a number of lines")?.unwrap_or(0);
        options.multiline = words.parsed("arachne.csv.multiline", "true or false")?.unwrap_or(false);
        options.comment = words.byte("arachne.csv.comment")?;
        options.on_error = words.choice("arachne.csv.on_error")?.unwrap_or_default();
        options.compression = words.choice::<Compression>("arachne.csv.compression")?.unwrap_or_default();
        if let Some(text) = words.get("arachne.csv.null_text") {
            options.null_text = Some(text.to_string());
        }
        words.check_bytes(&options)?;
        Ok(options)
    }
}

/// A table's SerDe parameters, and behind them its properties.
struct Words<'a>(&'a Table);

impl Words<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let parameters = [&self.0.storage.serde.parameters, &self.0.parameters];
        let exact = parameters.iter().find_map(|parameters| parameters.get(name));
        let found = exact.or_else(|| {
            let mut all = parameters.iter().flat_map(|parameters| parameters.iter());
            all.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        });
        found.map(String::as_str)
    }

    fn byte(&self, name: &str) -> Result<Option<u8>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        match single_byte(text) {
            Some(byte) => Ok(Some(byte)),
            None => Err(self.wrong(name, text, "one character, such as ',' or '\\t' or '\\001'")),
        }
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, wanted: &str) -> Result<Option<T>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.trim().to_ascii_lowercase().parse().map(Some).map_err(|_| self.wrong(name, text, wanted))
    }

    /// One of the words that the option is serialised as.
    fn choice<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let word = serde_json::Value::String(text.trim().to_ascii_lowercase());
        serde_json::from_value(word).map(Some).map_err(|error| self.wrong(name, text, &error.to_string()))
    }

    fn check_bytes(&self, options: &TextOptions) -> Result<()> {
        let special = [Some(options.delimiter), options.quote, options.comment];
        let clash = |at: usize| special[at].is_some() && special[..at].contains(&special[at]);
        let line_end = special.iter().flatten().chain(&options.escape).any(|byte| matches!(byte, b'\n' | b'\r'));
        if clash(1) || clash(2) || line_end || options.escape == Some(options.delimiter) {
            let message = format!(
                "table {}.{}: delimiter, quote, escape and comment must be different characters, and none a line end",
                self.0.database, self.0.name
            );
            return Err(Error::new(ErrorCode::InvalidArgument, message));
        }
        Ok(())
    }

    fn wrong(&self, name: &str, value: &str, wanted: &str) -> Error {
        Error::new(ErrorCode::InvalidArgument, self.about(name, &format!("'{value}' is not valid, expected {wanted}")))
    }

    fn about(&self, name: &str, what: &str) -> String {
        format!("table {}.{}, property '{name}': {what}", self.0.database, self.0.name)
    }
}

/// One byte as Hive's DDL may spell it: itself, `\t`, `\001` (octal), `\u0001`, or its decimal number.
fn single_byte(text: &str) -> Option<u8> {
    if let Ok(number) = text.parse::<i16>() {
        // Hive takes any number for a code, signed bytes included.
        return u8::try_from(number).ok().or_else(|| i8::try_from(number).ok().map(|signed| signed as u8));
    }
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        [b'\\', b't'] => Some(b'\t'),
        [b'\\', b'n'] => Some(b'\n'),
        [b'\\', b'r'] => Some(b'\r'),
        [b'\\', b'\\'] => Some(b'\\'),
        [b'\\', quote @ (b'\'' | b'"')] => Some(*quote),
        [b'\\', b'u', ..] => u8::from_str_radix(&text[2..], 16).ok(),
        [b'\\', ..] => u8::from_str_radix(&text[1..], 8).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arachne_catalog::TableType;

    use super::*;
    use crate::formats::OnError;

    fn table(format: FileFormat, serde: &[(&str, &str)], properties: &[(&str, &str)]) -> Table {
        let owned =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let mut storage = format.storage("s3://b/t/");
        storage.serde.parameters = owned(serde);
        Table {
            database: "d".into(),
            name: "t".into(),
            description: None,
            table_type: TableType::External,
            storage,
            partition_keys: Vec::new(),
            parameters: owned(properties),
            create_time: 0,
        }
    }

    #[test]
    fn hive_text_has_no_quotes_and_its_own_null() {
        let plain = TextOptions::from_table(&table(FileFormat::DelimitedText, &[], &[])).unwrap();
        assert_eq!((plain.delimiter, plain.quote, plain.escape), (1, None, None));
        assert_eq!(plain.null_text.as_deref(), Some("\\N"));
        let set = table(
            FileFormat::DelimitedText,
            &[("field.delim", "\t"), ("escape.delim", "\\"), ("serialization.null.format", "")],
            &[("skip.header.line.count", "1"), ("arachne.csv.on_error", "NULL"), ("arachne.csv.comment", "#")],
        );
        let set = TextOptions::from_table(&set).unwrap();
        assert_eq!((set.delimiter, set.escape, set.header_lines), (b'\t', Some(b'\\'), 1));
        assert_eq!((set.null_text.as_deref(), set.on_error, set.comment), (Some(""), OnError::Null, Some(b'#')));
    }

    #[test]
    fn open_csv_quotes_and_has_no_null_text() {
        let options = TextOptions::from_table(&table(
            FileFormat::QuotedCsv,
            &[("separatorChar", ";"), ("quoteChar", "'")],
            &[("arachne.csv.multiline", "true"), ("arachne.csv.compression", "gzip")],
        ));
        let options = options.unwrap();
        assert_eq!((options.delimiter, options.quote, options.escape), (b';', Some(b'\''), Some(b'\\')));
        assert_eq!((options.null_text, options.multiline, options.compression), (None, true, Compression::Gzip));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (name, value) in [
            ("field.delim", "||"),
            ("field.delim", "\n"),
            ("escape.delim", "\u{1}"),
            ("skip.header.line.count", "two"),
            ("arachne.csv.on_error", "skip"),
            ("arachne.csv.multiline", "perhaps"),
        ] {
            let error = TextOptions::from_table(&table(FileFormat::DelimitedText, &[(name, value)], &[])).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{name}={value}: {error}");
            assert!(error.message.contains("d.t"), "{error}");
        }
        let parquet = TextOptions::from_table(&table(FileFormat::Parquet, &[], &[])).unwrap_err();
        assert_eq!(parquet.code, ErrorCode::NotSupported);
    }

    #[test]
    fn delimiters_are_spelt_in_many_ways() {
        for (text, byte) in [
            (",", b','),
            ("\t", 9),
            ("\\t", 9),
            ("9", 9),
            ("\\001", 1),
            ("\\u0001", 1),
            ("\u{1}", 1),
            ("1", 1),
            ("-2", 254),
            ("\\\\", b'\\'),
        ] {
            assert_eq!(single_byte(text), Some(byte), "{text:?}");
        }
        assert_eq!(single_byte(""), None);
        assert_eq!(single_byte("ab"), None);
        assert_eq!(single_byte("é"), None);
    }
}
