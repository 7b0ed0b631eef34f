//! Names with `*` in them.

/// Whether a name fits a pattern, in which `*` stands for any number of characters and everything else for itself.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, yes, no) in [
            ("*", "", "-"),
            ("a", "a", "ab"),
            ("a*", "abc", "ba"),
            ("*_log", "web_log", "web_logs"),
            ("a*b*c", "aXbYc", "acb"),
        ] {
            assert!(fits(pattern, yes), "{pattern} {yes}");
            assert!(no == "-" || !fits(pattern, no), "{pattern} {no}");
        }
        assert!(!fits("ab*ba", "aba"));
    }
}
