//! `ROW FORMAT` and `STORED AS`: together they name the classes and settings that Glue keeps.

use super::cursor::Cursor;
use crate::error::{CatalogError, CatalogErrorKind, Result};
use crate::format::{FileFormat, PARQUET_INPUT};
use crate::model::{Parameters, SerDe, StorageDescriptor};

#[derive(Default)]
pub(super) struct StorageClauses {
    row_format: Option<RowFormat>,
    stored_as: Option<StoredAs>,
}

enum RowFormat {
    Serde(SerDe),
    /// Settings by LazySimpleSerDe's names.
    Delimited(Parameters),
}

enum StoredAs {
    Format(FileFormat),
    Classes { input: String, output: String },
}

impl StorageClauses {
    /// False when what follows is none of these clauses.
    pub(super) fn parse_next(&mut self, cursor: &mut Cursor) -> Result<bool> {
        let position = cursor.position();
        let (name, doubled) = if cursor.words(&["ROW", "FORMAT"]) {
            ("ROW FORMAT", self.row_format.replace(row_format(cursor)?).is_some())
        } else if cursor.words(&["STORED", "AS"]) {
            ("STORED AS", self.stored_as.replace(stored_as(cursor)?).is_some())
        } else {
            return Ok(false);
        };
        match doubled {
            true => Err(CatalogError::invalid(format!("{name} is given twice")).at(position)),
            false => Ok(true),
        }
    }

    /// Text in delimiters where nothing is said, as in Hive.
    pub(super) fn resolve(self, location: String) -> Result<StorageDescriptor> {
        let format = match &self.stored_as {
            Some(StoredAs::Format(format)) => *format,
            Some(StoredAs::Classes { input, .. }) if input == PARQUET_INPUT => FileFormat::Parquet,
            Some(StoredAs::Classes { .. }) => FileFormat::DelimitedText,
            None => format_of_serde(self.row_format.as_ref()),
        };
        let mut storage = format.storage(location);
        if let Some(StoredAs::Classes { input, output }) = self.stored_as {
            storage.input_format = input;
            storage.output_format = output;
        }
        match self.row_format {
            None => {}
            Some(RowFormat::Serde(serde)) => storage.serde = serde,
            Some(RowFormat::Delimited(settings)) => storage.serde.parameters = delimited_settings(format, settings)?,
        }
        Ok(storage)
    }
}

fn format_of_serde(row_format: Option<&RowFormat>) -> FileFormat {
    let Some(RowFormat::Serde(serde)) = row_format else { return FileFormat::DelimitedText };
    let storage = StorageDescriptor { serde: serde.clone(), ..StorageDescriptor::default() };
    FileFormat::of(&storage).unwrap_or(FileFormat::DelimitedText)
}

/// The settings of `ROW FORMAT DELIMITED` by the names of the format's own SerDe.
fn delimited_settings(format: FileFormat, settings: Parameters) -> Result<Parameters> {
    match format {
        FileFormat::DelimitedText => Ok(settings),
        FileFormat::QuotedCsv => settings.into_iter().filter_map(csv_setting).collect(),
        FileFormat::Parquet | FileFormat::Json | FileFormat::Orc | FileFormat::Avro => {
            Err(CatalogError::invalid("ROW FORMAT DELIMITED is for text, not for this STORED AS"))
        }
    }
}

fn csv_setting((name, value): (String, String)) -> Option<Result<(String, String)>> {
    match name.as_str() {
        "field.delim" => Some(Ok(("separatorChar".to_owned(), value))),
        "escape.delim" => Some(Ok(("escapeChar".to_owned(), value))),
        "serialization.null.format" => Some(Ok((name, value))),
        "line.delim" if value == "\n" => None,
        "serialization.format" => None,
        _ => Some(Err(CatalogError::new(
            CatalogErrorKind::NotSupported,
            "STORED AS CSV knows FIELDS TERMINATED BY, ESCAPED BY and NULL DEFINED AS only; STORED AS TEXTFILE knows the rest",
        ))),
    }
}

fn row_format(cursor: &mut Cursor) -> Result<RowFormat> {
    if cursor.word("SERDE") {
        let serialization_library = cursor.string("a class name")?;
        let parameters =
            if cursor.words(&["WITH", "SERDEPROPERTIES"]) { cursor.properties()? } else { Parameters::new() };
        return Ok(RowFormat::Serde(SerDe { serialization_library, parameters }));
    }
    if !cursor.word("DELIMITED") {
        return Err(cursor.expected("SERDE or DELIMITED"));
    }
    let mut settings = Parameters::new();
    loop {
        let name = if cursor.words(&["FIELDS", "TERMINATED", "BY"]) {
            "field.delim"
        } else if cursor.words(&["ESCAPED", "BY"]) {
            "escape.delim"
        } else if cursor.words(&["COLLECTION", "ITEMS", "TERMINATED", "BY"]) {
            "collection.delim"
        } else if cursor.words(&["MAP", "KEYS", "TERMINATED", "BY"]) {
            "mapkey.delim"
        } else if cursor.words(&["LINES", "TERMINATED", "BY"]) {
            "line.delim"
        } else if cursor.words(&["NULL", "DEFINED", "AS"]) {
            "serialization.null.format"
        } else {
            return Ok(RowFormat::Delimited(settings));
        };
        let value = cursor.string("a delimiter")?;
        if name == "field.delim" {
            // Glue keeps it under both names.
            settings.insert("serialization.format".to_owned(), value.clone());
        }
        settings.insert(name.to_owned(), value);
    }
}

fn stored_as(cursor: &mut Cursor) -> Result<StoredAs> {
    if cursor.word("INPUTFORMAT") {
        let input = cursor.string("a class name")?;
        cursor.expect_word("OUTPUTFORMAT")?;
        return Ok(StoredAs::Classes { input, output: cursor.string("a class name")? });
    }
    let expected = cursor.expected("PARQUET, TEXTFILE, CSV, JSON, ORC, AVRO or INPUTFORMAT");
    let position = cursor.position();
    let word = cursor.name("a file format").map_err(|_| expected.clone())?;
    match FileFormat::from_stored_as(&word) {
        Some(format) => Ok(StoredAs::Format(format)),
        None if matches!(word.as_str(), "sequencefile" | "rcfile" | "ion") => {
            let message = format!("STORED AS {} is not supported", word.to_uppercase());
            Err(CatalogError::new(CatalogErrorKind::NotSupported, message).at(position))
        }
        None => Err(expected),
    }
}
