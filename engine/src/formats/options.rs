//! How a delimited text file is written.

use serde::{Deserialize, Serialize};

use super::compression::Compression;

/// The dialect of delimited text, and what to do with what does not fit the declared columns.
///
/// Lines end with LF or CRLF. In a file that is not [`multiline`](Self::multiline) every line feed ends a record, whatever stands
/// before it, so that a file gives the same rows wherever it is cut.
///
/// NULL and the empty string: a field without quotes that equals [`null_text`](Self::null_text) is NULL; a quoted field never is.
/// In a column that is not a string, an empty field is NULL too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextOptions {
    pub delimiter: u8,
    /// Encloses a field that may hold delimiters; doubled inside, it stands for itself. `None`: quotes are plain text.
    pub quote: Option<u8>,
    /// Takes the meaning from the byte after it: inside quotes when there is a quote byte, else anywhere in a field.
    pub escape: Option<u8>,
    /// Records at the start of every file that are not rows.
    pub header_lines: u32,
    pub columns: ColumnMapping,
    pub null_text: Option<String>,
    /// A line that starts with this byte is not a row.
    pub comment: Option<u8>,
    pub compression: Compression,
    /// Quoted fields may hold line feeds. Such a file is never cut.
    pub multiline: bool,
    pub on_error: OnError,
    /// Integers are read as days (date columns) or milliseconds (timestamp columns) since 1970, as OpenCSVSerDe writes them.
    pub epoch_times: bool,
    /// The object whose header and first rows gave the columns, when they were inferred. Used in messages only.
    pub described_by: Option<String>,
}

/// Which field of a record belongs to which column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnMapping {
    /// The n-th field is the n-th column. A header of fewer names than the table has columns says that the file is older than the
    /// last columns: these are NULL.
    #[default]
    Position,
    /// By the names in each file's own header; a column that the header does not name is NULL. A name that is no column is an
    /// error, so that the file's data is not left out unseen, unless bad rows are tolerated and other names are known.
    Name,
}

/// What to do with a value that is not of its column's type, or a record with too many or too few fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The query fails, and says which value in which line of which file.
    #[default]
    Fail,
    /// The row is left out. Every column is checked, also those that the query does not read, so that `count(*)` agrees with them.
    Ignore,
    /// The value becomes NULL, missing fields are NULL, surplus fields are dropped: what Athena does.
    Null,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            header_lines: 0,
            columns: ColumnMapping::Position,
            null_text: Some(String::new()),
            comment: None,
            compression: Compression::Auto,
            multiline: false,
            on_error: OnError::Fail,
            epoch_times: false,
            described_by: None,
        }
    }
}

impl TextOptions {
    /// What a file without a table is taken for: a header, double quotes, and the delimiter that its extension promises.
    pub fn for_path(path: &str) -> Self {
        let plain = Compression::strip_extension(path);
        let extension = plain.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
        let delimiter = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("tsv" | "tab") => b'\t',
            Some("psv") => b'|',
            _ => b',',
        };
        Self { delimiter, header_lines: 1, columns: ColumnMapping::Name, ..Self::default() }
    }

    /// Whether the object at `path` may be read in byte ranges. A range of any other object is honoured all the same: the one
    /// that holds the first byte reads the whole object, the others nothing.
    pub fn is_splittable(&self, path: &str) -> bool {
        !self.multiline && self.compression.of(path).is_none()
    }
}
