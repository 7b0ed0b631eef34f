//! Partition folders as Hive names them: `year=2024/month=01/`, with what cannot stand in a path escaped as `%XX`.
//!
//! The escaped characters are those of Hive's `FileUtils.escapePathName`; spaces and letters beyond ASCII stay as they are.
//! Reading undoes any `%XX`, also those of writers that escape more (pyarrow escapes UTF-8 bytes).

use std::fmt::Write;

use percent_encoding::percent_decode_str;

use crate::model::Column;

/// The folder and the catalog value that stand for NULL (and for the empty text, which Hive cannot tell from it).
pub const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The `key=value` folders of a path, in order; other segments are passed over. Null stays [`NULL_VALUE`], as in the catalog.
///
/// Give the folder only: the name of a file may hold a `=` too.
pub fn parse(folder: &str) -> Vec<(String, String)> {
    folder
        .split('/')
        .filter_map(|segment| segment.split_once('='))
        .map(|(key, value)| (unescape(key), unescape(value)))
        .collect()
}

/// The values of a table's partition keys in a folder below its location, in the keys' order.
///
/// `None` where the folder does not hold exactly these keys in this order (keys compare without case, as Athena does).
pub fn values_of(keys: &[Column], folder: &str) -> Option<Vec<String>> {
    let segments: Vec<&str> = folder.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.len() != keys.len() {
        return None;
    }
    let pairs = parse(folder);
    let same_keys = pairs.len() == keys.len()
        && keys.iter().zip(&pairs).all(|(key, (name, _))| key.name.eq_ignore_ascii_case(name));
    same_keys.then(|| pairs.into_iter().map(|(_, value)| value).collect())
}

/// `year=2024/month=01`: no slash at either end.
pub fn print(keys: &[Column], values: &[String]) -> String {
    let segments = keys.iter().zip(values).map(|(key, value)| {
        let value = if value.is_empty() { NULL_VALUE } else { value.as_str() };
        format!("{}={}", escape(&key.name), escape(value))
    });
    segments.collect::<Vec<_>>().join("/")
}

/// One key or value, as it stands in a path.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_control() || "\"#%'*/:=?\\{[]^".contains(c) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{:02X}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Text whose `%XX` are no UTF-8 stays as it is written: two folders must never become one value.
pub fn unescape(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), |decoded| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(names: &[&str]) -> Vec<Column> {
        names
            .iter()
            .map(|name| Column { name: (*name).to_owned(), data_type: "string".to_owned(), comment: None })
            .collect()
    }

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn reads_the_folders_of_known_writers() {
        let hive = "day=2024-01-01 10%3A00%3A00/city=K\u{f6}ln/";
        assert_eq!(
            parse(hive),
            [("day".into(), "2024-01-01 10:00:00".into()), ("city".into(), "K\u{f6}ln".into())]
                as [(String, String); 2]
        );
        assert_eq!(parse("city=K%C3%B6ln")[0].1, "K\u{f6}ln", "pyarrow escapes UTF-8 bytes");
        assert_eq!(parse("city=K%F6ln")[0].1, "K%F6ln", "not UTF-8: kept apart");
        assert_eq!(parse("share=100%")[0].1, "100%", "a lone percent sign is itself");
        assert_eq!(parse("warehouse/t/a=b=c/x"), [("a".to_owned(), "b=c".to_owned())]);
    }

    #[test]
    fn values_need_the_tables_keys_in_order() {
        let keys = keys(&["year", "month"]);
        assert_eq!(values_of(&keys, "YEAR=2024/month=01/"), Some(strings(&["2024", "01"])));
        assert_eq!(
            values_of(&keys, "year=2024/month=__HIVE_DEFAULT_PARTITION__"),
            Some(strings(&["2024", NULL_VALUE]))
        );
        for other in ["year=2024", "month=01/year=2024", "year=2024/month=01/day=3", "year=2024/junk/month=01", ""] {
            assert_eq!(values_of(&keys, other), None, "{other}");
        }
    }

    #[test]
    fn prints_as_hive_does() {
        let printed = print(&keys(&["day", "city"]), &strings(&["10:00 [x]", "K\u{f6}ln/S"]));
        assert_eq!(printed, "day=10%3A00 %5Bx%5D/city=K\u{f6}ln%2FS");
    }

    #[test]
    fn empty_text_is_hives_null() {
        assert_eq!(print(&keys(&["a"]), &strings(&[""])), "a=__HIVE_DEFAULT_PARTITION__");
    }

    proptest! {
        #[test]
        fn printed_values_are_read_back(first in "\\PC{1,12}", second in ".{1,12}") {
            let keys = keys(&["a", "k=/%y"]);
            let values = vec![first, second];
            let folder = print(&keys, &values);
            prop_assert_eq!(values_of(&keys, &folder), Some(values));
        }
    }
}
