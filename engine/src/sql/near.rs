//! The name that was probably meant.

/// The candidate most like `name`, where one is like it at all. Case does not count.
pub fn nearest<S: AsRef<str>>(name: &str, candidates: impl IntoIterator<Item = S>) -> Option<S> {
    let wanted = name.to_lowercase();
    let mut best: Option<(f64, S)> = None;
    for candidate in candidates {
        let score = likeness(&wanted, &candidate.as_ref().to_lowercase());
        if score >= ENOUGH && best.as_ref().is_none_or(|(highest, _)| score > *highest) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// A third of the letters may differ: beyond that a suggestion misleads.
const ENOUGH: f64 = 0.65;

fn likeness(wanted: &str, candidate: &str) -> f64 {
    let distance = strsim::normalized_damerau_levenshtein(wanted, candidate);
    // `orderkey` for `l_orderkey`: a whole part of the name.
    let is_part = wanted.len() >= 3 && candidate.split(['_', '.']).skip(1).any(|part| part == wanted);
    let is_tail = wanted.len() >= 3 && candidate.ends_with(wanted);
    if is_part || is_tail { distance.max(0.8) } else { distance }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let columns = ["l_orderkey", "l_partkey", "l_shipdate", "l_tax"];
        assert_eq!(nearest("l_ordrekey", columns), Some("l_orderkey"));
        assert_eq!(nearest("L_SHIPDAET", columns), Some("l_shipdate"));
        assert_eq!(nearest("orderkey", columns), Some("l_orderkey"));
        assert_eq!(nearest("tax", columns), Some("l_tax"));
        assert_eq!(nearest("customer_name", columns), None);
        assert_eq!(nearest("x", columns), None);
    }
}
