//! The queries of the demo: a scan with a few groups, joins, a scan with one group, a join with many groups.

/// One TPC-H query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TpchQuery {
    pub(super) number: u32,
    pub(super) about: &'static str,
    pub(super) sql: &'static str,
}

pub(super) const Q1: TpchQuery = TpchQuery {
    number: 1,
    about: "pricing summary: scan and aggregate",
    sql: include_str!("../../../tests/queries/tpch/q01.sql"),
};
pub(super) const Q3: TpchQuery = TpchQuery {
    number: 3,
    about: "shipping priority: two joins",
    sql: include_str!("../../../tests/queries/tpch/q03.sql"),
};
pub(super) const Q6: TpchQuery = TpchQuery {
    number: 6,
    about: "revenue change: selective scan",
    sql: include_str!("../../../tests/queries/tpch/q06.sql"),
};
pub(super) const Q18: TpchQuery = TpchQuery {
    number: 18,
    about: "large orders: joins and a big aggregation",
    sql: include_str!("../../../tests/queries/tpch/q18.sql"),
};

pub(super) const ON_PARQUET: [TpchQuery; 4] = [Q1, Q3, Q6, Q18];
pub(super) const ON_CSV: [TpchQuery; 2] = [Q1, Q6];

impl TpchQuery {
    /// Without the semicolon at its end.
    pub(super) fn statement(self) -> &'static str {
        self.sql.trim().trim_end_matches(';')
    }
}
