//! TPC-H, TPC-DS and ClickBench's queries under every compute, at several widths, over several layouts: DuckDB's answers each time.
//!
//! Which cells a query runs in is in `arachne_tests::matrix`; a failing test names all of its cells that fail.

use arachne_tests::answer::Value;
use arachne_tests::matrix::check;
use arachne_tests::suites::Suite;

macro_rules! queries {
    ($suite:expr; $($name:ident = $number:literal;)*) => {
        use super::*;

        #[test]
        fn every_query_has_a_test() {
            let tested = [$($number),*];
            assert_eq!(tested.to_vec(), $suite.queries.iter().map(|query| query.number).collect::<Vec<_>>());
        }

        #[test]
        fn what_duckdb_answers_is_right_and_with_a_value_changed_it_is_wrong() {
            duckdb_s_own_answers($suite);
        }

        $(#[test] fn $name() { check($suite, $number); })*
    };
}

mod tpch {
    queries! { Suite::tpch();
        q01 = 1; q02 = 2; q03 = 3; q04 = 4; q05 = 5; q06 = 6; q07 = 7; q08 = 8; q09 = 9; q10 = 10; q11 = 11; q12 = 12; q13 = 13; q14 = 14;
        q15 = 15; q16 = 16; q17 = 17; q18 = 18; q19 = 19; q20 = 20; q21 = 21; q22 = 22;
    }
}

mod tpcds {
    queries! { Suite::tpcds();
        q01 = 1; q02 = 2; q03 = 3; q04 = 4; q05 = 5; q06 = 6; q07 = 7; q08 = 8; q09 = 9; q10 = 10; q11 = 11; q12 = 12; q13 = 13; q14 = 14;
        q15 = 15; q16 = 16; q17 = 17; q18 = 18; q19 = 19; q20 = 20; q21 = 21; q22 = 22; q23 = 23; q24 = 24; q25 = 25; q26 = 26; q27 = 27;
        q28 = 28; q29 = 29; q30 = 30; q31 = 31; q32 = 32; q33 = 33; q34 = 34; q35 = 35; q36 = 36; q37 = 37; q38 = 38; q39 = 39; q40 = 40;
        q41 = 41; q42 = 42; q43 = 43; q44 = 44; q45 = 45; q46 = 46; q47 = 47; q48 = 48; q49 = 49; q50 = 50; q51 = 51; q52 = 52; q53 = 53;
        q54 = 54; q55 = 55; q56 = 56; q57 = 57; q58 = 58; q59 = 59; q60 = 60; q61 = 61; q62 = 62; q63 = 63; q64 = 64; q65 = 65; q66 = 66;
        q67 = 67; q68 = 68; q69 = 69; q70 = 70; q71 = 71; q72 = 72; q73 = 73; q74 = 74; q75 = 75; q76 = 76; q77 = 77; q78 = 78; q79 = 79;
        q80 = 80; q81 = 81; q82 = 82; q83 = 83; q84 = 84; q85 = 85; q86 = 86; q87 = 87; q88 = 88; q89 = 89; q90 = 90; q91 = 91; q92 = 92;
        q93 = 93; q94 = 94; q95 = 95; q96 = 96; q97 = 97; q98 = 98; q99 = 99;
    }
}

mod clickbench {
    queries! { Suite::clickbench();
        q00 = 0; q01 = 1; q02 = 2; q03 = 3; q04 = 4; q05 = 5; q06 = 6; q07 = 7; q08 = 8; q09 = 9; q10 = 10; q11 = 11; q12 = 12; q13 = 13;
        q14 = 14; q15 = 15; q16 = 16; q17 = 17; q18 = 18; q19 = 19; q20 = 20; q21 = 21; q22 = 22; q23 = 23; q24 = 24; q25 = 25; q26 = 26;
        q27 = 27; q28 = 28; q29 = 29; q30 = 30; q31 = 31; q32 = 32; q33 = 33; q34 = 34; q35 = 35; q36 = 36; q37 = 37; q38 = 38; q39 = 39;
        q40 = 40; q41 = 41; q42 = 42;
    }
}

/// The answers that the engine's are compared with are DuckDB's to other queries, without LIMIT: this compares them with those to the
/// queries themselves.
fn duckdb_s_own_answers(suite: &Suite) {
    for (query, mut answer) in suite.queries.iter().zip(suite.duckdb_answers().unwrap()) {
        let expected = suite.expected(query.number);
        let what = format!("{} query {}", suite.name, query.number);
        assert_eq!(expected.difference(&answer), None, "{what}");
        if let Some(row) = answer.rows.last_mut() {
            row[0] = Value::Text("what no answer has".to_owned());
            assert!(expected.difference(&answer).is_some(), "{what} takes anything for right");
        }
    }
}
