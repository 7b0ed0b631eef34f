//! What stands before the first row of a file: a byte order mark, and the header.

use super::options::{ColumnMapping, TextOptions};
use super::problem::Problem;
use super::record::{RecordScanner, Scan};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The beginning of a file, read to its first row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    /// The names in the header, if the file has one that tells something about the columns.
    pub(super) names: Option<Vec<String>>,
    /// Bytes before the first row.
    pub(super) bytes: usize,
    /// Line feeds before the first row.
    pub(super) lines: u64,
}

/// Reads the header at the start of `buffer`, which begins with the file's first byte. `Ok(None)`: it needs more of the file.
///
/// With names (`ColumnMapping::Name`) the header is the first line that is neither empty nor a comment. Otherwise
/// `header_lines` are skipped whatever they hold, as Hive does, and a single one is also taken for the column names.
pub(super) fn read_header(options: &TextOptions, buffer: &[u8], last: bool) -> Result<Option<Header>, Problem> {
    let mut header = Header::default();
    if !last && buffer.len() < BYTE_ORDER_MARK.len() && BYTE_ORDER_MARK.starts_with(buffer) {
        return Ok(None);
    }
    if buffer.starts_with(BYTE_ORDER_MARK) {
        header.bytes = BYTE_ORDER_MARK.len();
    }
    let mut scanner = RecordScanner::new(options);
    let mut left = options.header_lines;
    while left > 0 {
        let rest = &buffer[header.bytes..];
        if rest.is_empty() {
            return Ok(last.then_some(header));
        }
        let (extent, is_record) = match scanner.scan(rest, last) {
            Scan::Incomplete => return Ok(None),
            Scan::TooLong => return Err(Problem::TooLong),
            Scan::Record(extent) => (extent, true),
            Scan::Blank(extent) | Scan::Comment(extent) => (extent, false),
        };
        if is_record && options.header_lines == 1 {
            let fields = scanner.fields().to_vec();
            header.names = Some(unique(fields.into_iter().map(|field| name(scanner.value(rest, field))).collect()));
        }
        header.bytes += extent.bytes;
        header.lines += extent.lines;
        if is_record || options.columns == ColumnMapping::Position {
            left -= 1;
        }
    }
    Ok(Some(header))
}

fn name(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim().to_string()
}

/// Names that are empty or stand there twice get a number, the same one in every file of the same header.
fn unique(names: Vec<String>) -> Vec<String> {
    let mut done: Vec<String> = Vec::with_capacity(names.len());
    for (index, name) in names.into_iter().enumerate() {
        let base = if name.is_empty() { column_name(index) } else { name };
        let mut candidate = base.clone();
        let mut copy = 1;
        while done.iter().any(|taken| taken.eq_ignore_ascii_case(&candidate)) {
            copy += 1;
            candidate = format!("{base}_{copy}");
        }
        done.push(candidate);
    }
    done
}

/// The name of a column that has none: `column_1`, ...
pub(super) fn column_name(index: usize) -> String {
    format!("column_{}", index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(options: &TextOptions, text: &str) -> Option<Vec<String>> {
        read_header(options, text.as_bytes(), true).unwrap().unwrap().names
    }

    #[test]
    fn a_header_by_name_is_the_first_line_that_says_something() {
        let options = TextOptions { comment: Some(b'#'), ..TextOptions::for_path("x.csv") };
        assert_eq!(
            names(&options, "\u{feff}\n# made by hand\r\n id ,\"na\"\"me\",,id\n1,2,3,4\n").unwrap(),
            ["id", "na\"me", "column_3", "id_2"]
        );
        assert_eq!(names(&options, ""), None);
        assert_eq!(names(&options, "\n\n"), None);
    }

    #[test]
    fn lines_of_a_declared_table_are_skipped_by_number() {
        let options = TextOptions { header_lines: 2, ..TextOptions::default() };
        let header = read_header(&options, b"title\n\n1,2\n", false).unwrap().unwrap();
        assert_eq!(header, Header { names: None, bytes: 7, lines: 2 });
        assert_eq!(read_header(&options, b"title\n", false).unwrap(), None);
    }
}
