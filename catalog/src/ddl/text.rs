//! What stands between the quotes of a Hive string literal.

/// Undoes escapes as Hive's `BaseSemanticAnalyzer.unescapeSQLString` does, and doubled quotes as SQL does.
///
/// One difference: `\N` stays `\N`. Hive reads `N`, which nobody who writes `NULL DEFINED AS '\N'` means.
pub(super) fn unescape(raw: &str, quote: char) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == quote {
            // Inside a literal a quote only stands doubled.
            rest = rest.strip_prefix(quote).unwrap_or(rest);
            text.push(c);
        } else if c == '\\' {
            rest = escape_sequence(rest, &mut text);
        } else {
            text.push(c);
        }
    }
    text
}

/// Reads what follows a backslash and returns what is left.
fn escape_sequence<'a>(rest: &'a str, text: &mut String) -> &'a str {
    if let Some((code, length)) = numeric(rest) {
        text.push(code);
        return &rest[length..];
    }
    let Some(c) = rest.chars().next() else {
        text.push('\\');
        return rest;
    };
    match c {
        '0' => text.push('\0'),
        'b' => text.push('\u{8}'),
        'n' => text.push('\n'),
        'r' => text.push('\r'),
        't' => text.push('\t'),
        'Z' => text.push('\u{1a}'),
        'N' | '%' | '_' => text.extend(['\\', c]),
        _ => text.push(c),
    }
    &rest[c.len_utf8()..]
}

/// `001` (octal, up to 177) or `u0001` (hexadecimal).
fn numeric(rest: &str) -> Option<(char, usize)> {
    if let Some(hex) = rest.strip_prefix('u').and_then(|rest| rest.get(..4)) {
        let code = hex.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(hex, 16).ok())??;
        return Some((char::from_u32(code)?, 5));
    }
    let octal = rest.get(..3)?;
    let in_range = octal.bytes().all(|byte| matches!(byte, b'0'..=b'7')) && octal.as_bytes()[0] <= b'1';
    let code = in_range.then(|| u32::from_str_radix(octal, 8).ok())??;
    Some((char::from_u32(code)?, 3))
}

/// A string literal in single quotes that reads back as `text`.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        match c {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if c.is_control() => literal.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_as_hive_reads_them() {
        for (raw, text) in [
            (r"\001", "\u{1}"),
            (r"\u0001", "\u{1}"),
            (r"\t|\\", "\t|\\"),
            (r"\0", "\0"),
            (r"\N", r"\N"),
            (r"\\N", r"\N"),
            (r"\'", "'"),
            ("''", "'"),
            (r"a\%b", r"a\%b"),
            (r"\ü", "ü"),
            (r"\u00zz", "u00zz"),
            ("\"", "\""),
        ] {
            assert_eq!(unescape(raw, '\''), text, "{raw}");
        }
        assert_eq!(unescape("\"\"'", '"'), "\"'");
    }
}
