//! The history in the catalog's SQLite file.
//!
//! As with definitions, a record is JSON beside the columns it is found by. Writes are single statements, or one immediate
//! transaction.

use async_trait::async_trait;
use sqlx::sqlite::{SqliteExecutor, SqlitePool};
use sqlx::{QueryBuilder, Sqlite};

use super::{Added, HistoryFilter, Owner, QueryHistory, QueryRecord, Retention};
use crate::error::{CatalogError, Result};
use crate::sql_store::{read_json, unavailable, written_json};

/// Shares the file, and the connections, of a [`SqlCatalog`](crate::SqlCatalog), which makes it.
#[derive(Debug, Clone)]
pub struct SqlHistory {
    pool: SqlitePool,
}

impl SqlHistory {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self { pool }
    }

    async fn records(&self, mut query: QueryBuilder<Sqlite>) -> Result<Vec<QueryRecord>> {
        let rows: Vec<String> = query.build_query_scalar().fetch_all(&self.pool).await.map_err(unavailable)?;
        rows.iter().map(|row| read_json(row)).collect()
    }
}

#[async_trait]
impl QueryHistory for SqlHistory {
    async fn add(&self, record: QueryRecord) -> Result<Added> {
        let Some(token) = &record.token else {
            // One statement is a transaction, and wakes the connection's thread once instead of three times.
            insert(&record, &self.pool).await?;
            return Ok(Added::New);
        };
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        let known: Option<String> = sqlx::query_scalar("SELECT record FROM queries WHERE user_name = ? AND token = ?")
            .bind(&record.user)
            .bind(token)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if let Some(known) = known {
            return Ok(Added::Known(Box::new(read_json(&known)?)));
        }
        insert(&record, &mut *transaction).await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(Added::New)
    }

    async fn update(&self, record: QueryRecord) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE queries SET state = ?, has_ended = ?, ended = ?, has_runs = ?, record = ?
             WHERE id = ? AND NOT has_ended",
        )
        .bind(record.state.name())
        .bind(record.state.has_ended())
        .bind(record.ended)
        .bind(!record.runs.is_empty())
        .bind(written_json(&record)?)
        .bind(&record.id)
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn get(&self, id: &str) -> Result<Option<QueryRecord>> {
        let mut query = QueryBuilder::new("SELECT record FROM queries WHERE id = ");
        query.push_bind(id.to_owned());
        Ok(self.records(query).await?.pop())
    }

    async fn list(&self, filter: &HistoryFilter) -> Result<Vec<QueryRecord>> {
        let mut query = QueryBuilder::new("SELECT record FROM queries WHERE TRUE");
        for (column, wanted) in [
            (" AND user_name = ", &filter.user),
            (" AND workgroup = ", &filter.workgroup),
            (" AND door = ", &filter.door),
        ] {
            if let Some(wanted) = wanted {
                query.push(column).push_bind(wanted.clone());
            }
        }
        for (bound, time) in [(" AND submitted >= ", filter.since), (" AND submitted < ", filter.until)] {
            if let Some(time) = time {
                query.push(bound).push_bind(time);
            }
        }
        if let Some(state) = filter.state {
            query.push(" AND state = ").push_bind(state.name());
        }
        if let Some(before) = &filter.before {
            query.push(" AND id < ").push_bind(before.clone());
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(bound(filter.limit()));
        self.records(query).await
    }

    async fn ask_to_cancel(&self, id: &str) -> Result<bool> {
        let done = sqlx::query("UPDATE queries SET to_cancel = TRUE WHERE id = ? AND NOT has_ended")
            .bind(id)
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected() == 1)
    }

    async fn to_cancel(&self, owner: &str) -> Result<Vec<String>> {
        sqlx::query_scalar("SELECT id FROM queries WHERE owner = ? AND NOT has_ended AND to_cancel")
            .bind(owner)
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)
    }

    async fn alive(&self, owner: &str, now: i64) -> Result<()> {
        sqlx::query("INSERT INTO owners VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET last_seen = excluded.last_seen")
            .bind(owner)
            .bind(now)
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT id, last_seen FROM owners ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(rows.into_iter().map(|(id, last_seen)| Owner { id, last_seen }).collect())
    }

    async fn unsettled(&self, owner: &str) -> Result<Vec<QueryRecord>> {
        let mut query = QueryBuilder::new("SELECT record FROM queries WHERE (NOT has_ended OR has_runs) AND owner = ");
        query.push_bind(owner.to_owned()).push(" ORDER BY id");
        self.records(query).await
    }

    async fn swept(&self, id: &str) -> Result<()> {
        sqlx::query(
            "UPDATE queries SET has_runs = FALSE, record = json_set(record, '$.runs', json('[]'))
             WHERE id = ? AND has_ended",
        )
        .bind(id)
        .execute(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(())
    }

    async fn retire(&self, owner: &str) -> Result<()> {
        sqlx::query("DELETE FROM owners WHERE id = ?").bind(owner).execute(&self.pool).await.map_err(unavailable)?;
        Ok(())
    }

    async fn forget(&self, bound_by: Retention) -> Result<Vec<QueryRecord>> {
        let mut query = QueryBuilder::new("DELETE FROM queries WHERE has_ended AND (ended < ");
        query.push_bind(bound_by.ended_since);
        query.push(" OR id IN (SELECT id FROM queries WHERE has_ended ORDER BY id DESC LIMIT -1 OFFSET ");
        query.push_bind(bound(bound_by.max_records)).push(")) RETURNING record");
        self.records(query).await
    }
}

async fn insert(record: &QueryRecord, executor: impl SqliteExecutor<'_>) -> Result<()> {
    let done = sqlx::query(
        "INSERT INTO queries (id, user_name, workgroup, door, token, owner, state, submitted, has_ended, ended, has_runs, record)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(&record.id)
    .bind(&record.user)
    .bind(&record.workgroup)
    .bind(&record.door)
    .bind(&record.token)
    .bind(&record.owner)
    .bind(record.state.name())
    .bind(record.submitted)
    .bind(record.state.has_ended())
    .bind(record.ended)
    .bind(!record.runs.is_empty())
    .bind(written_json(record)?)
    .execute(executor)
    .await
    .map_err(unavailable)?;
    match done.rows_affected() {
        0 => Err(CatalogError::exists(format_args!("query {}", record.id))),
        _ => Ok(()),
    }
}

fn bound(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
