//! The tables of the SQLite file, and how an older file becomes a newer one.
//!
//! `user_version` counts the steps that are done. The check and the steps are in one immediate transaction, so that
//! two processes that open a new file at once do not both make its tables (sqlx's own migrator holds no lock on SQLite).

use sqlx::SqliteConnection;

use super::unavailable;
use crate::error::{CatalogError, CatalogErrorKind, Result};

/// Only ever add to the end.
const STEPS: [&str; 4] = [
    include_str!("migrations/0001_start.sql"),
    include_str!("migrations/0002_history.sql"),
    include_str!("migrations/0003_doors.sql"),
    include_str!("migrations/0004_partition_changes.sql"),
];

pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<()> {
    let done: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await.map_err(unavailable)?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(CatalogError::new(
            CatalogErrorKind::NotSupported,
            format!(
                "it was written by a newer version of this program (its format is {done}, the newest known is {})",
                STEPS.len()
            ),
        ));
    }
    for (index, step) in STEPS.iter().enumerate().skip(done) {
        sqlx::raw_sql(*step).execute(&mut *connection).await.map_err(unavailable)?;
        // A pragma takes no bound values; this one is a number of ours.
        let set_version = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {}", index + 1));
        sqlx::raw_sql(set_version).execute(&mut *connection).await.map_err(unavailable)?;
    }
    Ok(())
}
