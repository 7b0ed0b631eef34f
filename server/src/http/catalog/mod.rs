//! `/v1/catalog`: what lies in the lake, as far as who asks may see it.

mod databases;
mod partitions;
mod statistics;
mod tables;

pub(super) use databases::{__path_database, __path_databases, database, databases};
pub(super) use partitions::{__path_partitions, partitions};
pub(super) use statistics::{__path_statistics, statistics};
pub(super) use tables::{__path_table, __path_tables, table, tables};

use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::Problem;

/// Entries of a page if nobody asks for another number, and the most there can be.
const USUAL_LIMIT: usize = 1000;
const MAX_LIMIT: usize = 10_000;

/// A part of a long list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// Entries to leave out.
    #[serde(default)]
    #[param(required = false)]
    offset: usize,
    /// 1000 if it is not given.
    #[param(nullable = false, minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

impl Part {
    fn limit(&self) -> Result<usize, Problem> {
        let limit = self.limit.unwrap_or(USUAL_LIMIT);
        if (1..=MAX_LIMIT).contains(&limit) {
            Ok(limit)
        } else {
            Err(Problem::invalid(format!("limit is between 1 and {MAX_LIMIT}")))
        }
    }
}

/// A table in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TablePath {
    /// The database
    db: String,
    /// The table
    table: String,
}

impl TablePath {
    /// Names are kept in lower case.
    fn lower(self) -> Self {
        Self { db: self.db.to_lowercase(), table: self.table.to_lowercase() }
    }
}
