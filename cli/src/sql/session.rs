//! What lasts from statement to statement: the database and the settings.

use arachne_engine::Error;
use arachne_engine::query::QueryRequest;
use arachne_engine::sql::{Statement, parse_one};

use crate::engine::Engine;

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) database: String,
    /// In the order in which they were set; a name stands once.
    pub(crate) settings: Vec<(String, String)>,
}

impl Session {
    pub(crate) fn new(database: &str) -> Self {
        Self { database: database.to_ascii_lowercase(), settings: Vec::new() }
    }

    pub(crate) fn request(&self, sql: &str) -> QueryRequest {
        QueryRequest { database: self.database.clone(), settings: self.settings.clone(), ..QueryRequest::new(sql) }
    }

    /// Changes a setting; a wrong one is refused here and not by every query after it.
    pub(crate) async fn set(&mut self, name: &str, value: &str, engine: &dyn Engine) -> Result<(), Error> {
        let mut changed = self.clone();
        changed.unset(name);
        changed.settings.push((name.to_owned(), value.to_owned()));
        engine.check_settings(&changed.request("")).await?;
        *self = changed;
        Ok(())
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.settings.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Carries out `SET` and `RESET`, which are between the user and this session; None for any other statement.
    pub(crate) async fn change(&mut self, sql: &str, engine: &dyn Engine) -> Option<Result<(), Error>> {
        match parse_one(sql) {
            Ok(Statement::Set { name, value }) => Some(self.set(&name, &value, engine).await),
            Ok(Statement::Reset { name }) => {
                self.unset(&name);
                Some(Ok(()))
            }
            // It is run, and what is wrong with it is said then.
            Ok(_) | Err(_) => None,
        }
    }

    /// Keeps what a statement that succeeded means for those after it; says whether the names that completion offers may
    /// have changed.
    pub(crate) fn keep(&mut self, sql: &str) -> bool {
        match parse_one(sql) {
            Ok(Statement::Use { database }) => {
                self.database = database;
                true
            }
            Ok(Statement::Ddl(_)) => true,
            // It ran, so it parses; the others leave nothing behind.
            Ok(_) | Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arachne_catalog::MemoryCatalog;
    use arachne_engine::access::Access;
    use arachne_engine::query::{Coordination, EngineSettings, NoObserver, PriceBook, QueryService, QueryServiceParts};
    use arachne_engine::storage::{ObjectStores, StorageSettings};

    use super::*;
    use crate::queries::Queries;

    #[tokio::test]
    async fn use_set_and_reset_last() {
        let queries = queries();
        let mut session = Session::new("default");
        assert!(session.keep("use sales"));
        assert_eq!(session.database, "sales");
        for sql in
            ["SET arachne.max_workers = 4", "SET arachne.exchange = 's3://b/it''s/'", "SET arachne.max_workers = 5"]
        {
            session.change(sql, &queries).await.unwrap().unwrap();
        }
        let expected = [("arachne.exchange", "s3://b/it's/"), ("arachne.max_workers", "5")];
        assert_eq!(session.settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        session.change("RESET arachne.exchange", &queries).await.unwrap().unwrap();
        assert_eq!(session.settings.len(), 1);
        assert!(session.change("SELECT 'set x = 1'", &queries).await.is_none());
    }

    #[tokio::test]
    async fn a_wrong_setting_is_refused_and_not_kept() {
        let queries = queries();
        let mut session = Session::new("default");
        assert!(session.change("SET arachne.colour = 'red'", &queries).await.unwrap().is_err());
        assert!(session.change("SET datafusion.no.such = 1", &queries).await.unwrap().is_err());
        assert!(session.settings.is_empty());
    }

    fn queries() -> Queries {
        let parts = QueryServiceParts {
            catalog: Arc::new(MemoryCatalog::new()),
            stores: Arc::new(ObjectStores::new(StorageSettings::default())),
            invoker: None,
            settings: EngineSettings::default(),
            prices: PriceBook::built_in().unwrap(),
            clock: arachne_server::wiring::now,
            coordination: Coordination::default(),
            access: Access::default(),
            observer: Arc::new(NoObserver),
        };
        Queries::of(QueryService::try_new(parts).unwrap())
    }
}
