//! The 22 queries with their validation parameters, as DuckDB's `tpch_queries()` words them.

/// One of the 22; `sql` is the file `queries/tpch/qNN.sql`.
#[derive(Debug)]
pub struct TpchQuery {
    /// 1 to 22.
    pub number: usize,
    pub sql: &'static str,
}

macro_rules! query {
    ($number:literal, $file:literal) => {
        TpchQuery { number: $number, sql: include_str!(concat!("../../queries/tpch/", $file, ".sql")) }
    };
}

pub const QUERIES: [TpchQuery; 22] = [
    query!(1, "q01"),
    query!(2, "q02"),
    query!(3, "q03"),
    query!(4, "q04"),
    query!(5, "q05"),
    query!(6, "q06"),
    query!(7, "q07"),
    query!(8, "q08"),
    query!(9, "q09"),
    query!(10, "q10"),
    query!(11, "q11"),
    query!(12, "q12"),
    query!(13, "q13"),
    query!(14, "q14"),
    query!(15, "q15"),
    query!(16, "q16"),
    query!(17, "q17"),
    query!(18, "q18"),
    query!(19, "q19"),
    query!(20, "q20"),
    query!(21, "q21"),
    query!(22, "q22"),
];

impl TpchQuery {
    /// Q1 is `TpchQuery::get(1)`.
    pub fn get(number: usize) -> &'static Self {
        &QUERIES[number - 1]
    }
}
