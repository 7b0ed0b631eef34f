//! What a text can ask for.

use arachne_catalog::ddl;
use datafusion::sql::parser;

#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// Rows from tables: SELECT, WITH, VALUES, TABLE.
    Query(parser::Statement),
    Explain(Explain),
    /// Changes the catalog.
    Ddl(ddl::Ddl),
    Show(ddl::Show),
    Describe(ddl::Describe),
    /// `SET name = value`
    Set {
        name: String,
        value: String,
    },
    /// `RESET name`
    Reset {
        name: String,
    },
    /// `USE database`
    Use {
        database: String,
    },
}

/// `EXPLAIN [ANALYZE] [VERBOSE] [(TYPE t)] query`
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    pub statement: parser::Statement,
    /// Run it, and show what happened.
    pub analyze: bool,
    pub verbose: bool,
    pub explain_type: ExplainType,
}

/// Which plan to show; Trino's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExplainType {
    Logical,
    #[default]
    Distributed,
    /// Only say whether the query is valid.
    Validate,
}
