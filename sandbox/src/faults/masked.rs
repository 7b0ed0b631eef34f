//! Random ids taken out of names, so that a name is the same in every run.

/// The text with each UUID (`8-4-4-4-12` hexadecimal digits) as `*`.
pub(super) fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (taken, with) =
            if rest.get(..UUID_LENGTH).is_some_and(is_uuid) { (UUID_LENGTH, '*') } else { (next.len_utf8(), next) };
        masked.push(with);
        rest = &rest[taken..];
    }
    masked
}

const UUID_LENGTH: usize = 36;

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(index, byte)| match index {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_uuids_are_masked() {
        let id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
        assert_eq!(masked(&format!("tests/{id}/1/0/0.arrow")), "tests/*/1/0/0.arrow");
        assert_eq!(masked(&format!("ü{id}{id}")), "ü**");
        assert_eq!(masked("lineitem/part-1.parquet"), "lineitem/part-1.parquet");
        assert_eq!(masked(&id[1..]), id[1..]);
    }
}
