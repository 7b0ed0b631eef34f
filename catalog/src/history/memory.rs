//! A history that ends with the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{Added, HistoryFilter, Owner, QueryHistory, QueryRecord, Retention};
use crate::error::{CatalogError, Result};

/// Ids sort by time: they are UUIDs of version 7.
#[derive(Debug, Default)]
pub struct MemoryHistory {
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    records: BTreeMap<String, QueryRecord>,
    to_cancel: BTreeSet<String>,
    owners: BTreeMap<String, i64>,
}

impl MemoryHistory {
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl QueryHistory for MemoryHistory {
    async fn add(&self, record: QueryRecord) -> Result<Added> {
        let mut all = self.lock();
        let same = |known: &&QueryRecord| known.user == record.user && known.token == record.token;
        if record.token.is_some()
            && let Some(known) = all.records.values().find(same)
        {
            return Ok(Added::Known(Box::new(known.clone())));
        }
        if all.records.contains_key(&record.id) {
            return Err(CatalogError::exists(format_args!("query {}", record.id)));
        }
        all.records.insert(record.id.clone(), record);
        Ok(Added::New)
    }

    async fn update(&self, record: QueryRecord) -> Result<bool> {
        let mut all = self.lock();
        let Some(known) = all.records.get_mut(&record.id).filter(|known| !known.state.has_ended()) else {
            return Ok(false);
        };
        *known = record;
        Ok(true)
    }

    async fn get(&self, id: &str) -> Result<Option<QueryRecord>> {
        Ok(self.lock().records.get(id).cloned())
    }

    async fn list(&self, filter: &HistoryFilter) -> Result<Vec<QueryRecord>> {
        let all = self.lock();
        Ok(all.records.values().rev().filter(|record| filter.fits(record)).take(filter.limit()).cloned().collect())
    }

    async fn ask_to_cancel(&self, id: &str) -> Result<bool> {
        let mut all = self.lock();
        let runs = all.records.get(id).is_some_and(|record| !record.state.has_ended());
        if runs {
            all.to_cancel.insert(id.to_owned());
        }
        Ok(runs)
    }

    async fn to_cancel(&self, owner: &str) -> Result<Vec<String>> {
        let all = self.lock();
        let theirs = |id: &&String| {
            all.records.get(*id).is_some_and(|record| record.owner == owner && !record.state.has_ended())
        };
        Ok(all.to_cancel.iter().filter(theirs).cloned().collect())
    }

    async fn alive(&self, owner: &str, now: i64) -> Result<()> {
        self.lock().owners.insert(owner.to_owned(), now);
        Ok(())
    }

    async fn owners(&self) -> Result<Vec<Owner>> {
        Ok(self.lock().owners.iter().map(|(id, seen)| Owner { id: id.clone(), last_seen: *seen }).collect())
    }

    async fn unsettled(&self, owner: &str) -> Result<Vec<QueryRecord>> {
        let all = self.lock();
        let theirs =
            |record: &&QueryRecord| record.owner == owner && (!record.state.has_ended() || !record.runs.is_empty());
        Ok(all.records.values().filter(theirs).cloned().collect())
    }

    async fn swept(&self, id: &str) -> Result<()> {
        if let Some(record) = self.lock().records.get_mut(id).filter(|record| record.state.has_ended()) {
            record.runs.clear();
        }
        Ok(())
    }

    async fn retire(&self, owner: &str) -> Result<()> {
        self.lock().owners.remove(owner);
        Ok(())
    }

    async fn forget(&self, bound: Retention) -> Result<Vec<QueryRecord>> {
        let mut all = self.lock();
        let mut kept = 0;
        let mut gone = Vec::new();
        for record in all.records.values().rev().filter(|record| record.state.has_ended()) {
            kept += 1;
            if kept > bound.max_records || record.ended.is_some_and(|ended| ended < bound.ended_since) {
                gone.push(record.clone());
            }
        }
        for record in &gone {
            all.records.remove(&record.id);
            all.to_cancel.remove(&record.id);
        }
        Ok(gone)
    }
}
