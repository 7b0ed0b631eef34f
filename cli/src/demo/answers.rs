//! The known answers: DuckDB's, on its own generator's data (`answers/make_answers.py` made the files).

/// Rows of texts, in order.
pub(super) type Rows = Vec<Vec<String>>;

macro_rules! known {
    ($($scale:literal $number:literal $file:literal)*) => {
        &[$(($scale, $number, include_str!(concat!("answers/", $file, ".csv")))),*]
    };
}

const KNOWN: &[(&str, u32, &str)] = known! {
    "0.01" 1 "sf0.01_q01"
    "0.01" 3 "sf0.01_q03"
    "0.01" 6 "sf0.01_q06"
    "0.01" 18 "sf0.01_q18"
    "0.1" 1 "sf0.1_q01"
    "0.1" 3 "sf0.1_q03"
    "0.1" 6 "sf0.1_q06"
    "0.1" 18 "sf0.1_q18"
    "1" 1 "sf1_q01"
    "1" 3 "sf1_q03"
    "1" 6 "sf1_q06"
    "1" 18 "sf1_q18"
};

/// The answer to a query at a scale factor, where it is known.
pub(super) fn known(scale: &str, query: u32) -> Option<Rows> {
    let found = KNOWN.iter().find(|(known_scale, number, _)| *known_scale == scale && *number == query);
    // No value of these queries holds a comma or a quote.
    found.map(|(_, _, csv)| csv.lines().skip(1).map(|line| line.split(',').map(String::from).collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_a_table_of_plain_values() {
        for (scale, number, csv) in KNOWN {
            assert!(!csv.contains('"'), "sf{scale} q{number}");
            let rows = known(scale, *number).unwrap();
            let columns = csv.lines().next().unwrap().split(',').count();
            assert!(!rows.is_empty() && rows.iter().all(|row| row.len() == columns), "sf{scale} q{number}");
        }
        assert_eq!(known("0.5", 1), None);
    }
}
