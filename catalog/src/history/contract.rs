//! What every [`QueryHistory`] promises, run against each implementation.

use std::sync::Arc;

use super::{Added, ExchangeRun, HistoryFilter, MemoryHistory, QueryHistory, QueryRecord, RecordState, Retention};
use crate::error::CatalogErrorKind::AlreadyExists;
use crate::sql_store::SqlCatalog;

/// Each test once per implementation.
macro_rules! contract {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $test() { super::$test(super::Arc::new(super::MemoryHistory::new())).await })*
        }
        mod sqlite {
            $(#[tokio::test] async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                let catalog = super::SqlCatalog::open(&folder.path().join("catalog.db")).await.unwrap();
                super::$test(super::Arc::new(catalog.history())).await
            })*
        }
    };
}

contract![
    a_record_comes_back_as_it_went_in,
    an_end_is_final,
    a_token_is_a_users_own_and_used_once,
    lists_are_filtered_and_paged_from_the_newest,
    cancelling_is_asked_of_the_owner,
    what_a_dead_owner_left_is_found_until_it_is_settled,
    old_records_are_forgotten_and_those_under_way_are_not,
];

type Subject = Arc<dyn QueryHistory>;

async fn a_record_comes_back_as_it_went_in(history: Subject) {
    let mut record = record("01", "a");
    assert_eq!(history.add(record.clone()).await.unwrap(), Added::New);
    assert_eq!(history.get("01").await.unwrap().as_ref(), Some(&record));
    assert_eq!(history.get("02").await.unwrap(), None);
    assert_eq!(history.add(record.clone()).await.unwrap_err().kind, AlreadyExists);
    record.state = RecordState::Running;
    record.stats = Some("{\"rows\":1}".to_owned());
    record.plan = Some("runs:\nhere\n".to_owned());
    record.runs = vec![run("r1")];
    assert!(history.update(record.clone()).await.unwrap());
    assert_eq!(history.get("01").await.unwrap(), Some(record));
    assert!(!history.update(super::QueryRecord { id: "nowhere".to_owned(), ..Default::default() }).await.unwrap());
}

async fn an_end_is_final(history: Subject) {
    let failed = ended(record("01", "a"), RecordState::Failed, 5);
    history.add(record("01", "a")).await.unwrap();
    assert!(history.update(failed.clone()).await.unwrap());
    assert!(!history.update(ended(record("01", "a"), RecordState::Finished, 6)).await.unwrap());
    assert_eq!(history.get("01").await.unwrap(), Some(failed));
}

async fn a_token_is_a_users_own_and_used_once(history: Subject) {
    let with_token =
        |id: &str, user: &str| QueryRecord { token: Some("once".to_owned()), user: user.to_owned(), ..record(id, "a") };
    assert_eq!(history.add(with_token("01", "ann")).await.unwrap(), Added::New);
    assert_eq!(history.add(with_token("02", "bob")).await.unwrap(), Added::New);
    let again = history.add(with_token("03", "ann")).await.unwrap();
    assert_eq!(again, Added::Known(Box::new(with_token("01", "ann"))));
    assert_eq!(history.get("03").await.unwrap(), None);
    // Without a token every request is one of its own.
    for id in ["04", "05"] {
        assert_eq!(history.add(record(id, "a")).await.unwrap(), Added::New);
    }
}

async fn lists_are_filtered_and_paged_from_the_newest(history: Subject) {
    for id in ["01", "02", "03", "04"] {
        let user = if id == "02" { "bob" } else { "ann" };
        history.add(QueryRecord { user: user.to_owned(), ..record(id, "a") }).await.unwrap();
    }
    history.update(ended(record("04", "a"), RecordState::Finished, 9)).await.unwrap();
    let ids = |filter: HistoryFilter| {
        let history = Arc::clone(&history);
        async move { history.list(&filter).await.unwrap().into_iter().map(|record| record.id).collect::<Vec<_>>() }
    };
    assert_eq!(ids(HistoryFilter::default()).await, ["04", "03", "02", "01"]);
    let page = HistoryFilter { limit: Some(2), before: Some("04".to_owned()), ..HistoryFilter::default() };
    assert_eq!(ids(page).await, ["03", "02"]);
    assert_eq!(ids(HistoryFilter { user: Some("bob".to_owned()), ..HistoryFilter::default() }).await, ["02"]);
    let queued = HistoryFilter { state: Some(RecordState::Queued), ..HistoryFilter::default() };
    assert_eq!(ids(queued).await, ["03", "02", "01"]);
    let by = |workgroup: &str, door: &str| QueryRecord {
        workgroup: workgroup.to_owned(),
        door: door.to_owned(),
        submitted: 50,
        fingerprint: Some("f".to_owned()),
        ..record("05", "a")
    };
    history.add(by("etl", "http")).await.unwrap();
    assert_eq!(history.get("05").await.unwrap(), Some(by("etl", "http")));
    assert_eq!(ids(HistoryFilter { workgroup: Some("etl".to_owned()), ..HistoryFilter::default() }).await, ["05"]);
    assert_eq!(ids(HistoryFilter { door: Some("http".to_owned()), ..HistoryFilter::default() }).await, ["05"]);
    assert_eq!(ids(HistoryFilter { since: Some(50), ..HistoryFilter::default() }).await, ["05"]);
    assert_eq!(ids(HistoryFilter { until: Some(50), limit: Some(1), ..HistoryFilter::default() }).await, ["04"]);
}

async fn cancelling_is_asked_of_the_owner(history: Subject) {
    history.add(record("01", "a")).await.unwrap();
    history.add(record("02", "b")).await.unwrap();
    assert!(history.ask_to_cancel("01").await.unwrap());
    assert!(!history.ask_to_cancel("nowhere").await.unwrap());
    assert_eq!(history.to_cancel("a").await.unwrap(), ["01"]);
    assert!(history.to_cancel("b").await.unwrap().is_empty());
    history.update(ended(record("01", "a"), RecordState::Cancelled, 5)).await.unwrap();
    assert!(history.to_cancel("a").await.unwrap().is_empty());
    assert!(!history.ask_to_cancel("01").await.unwrap());
}

async fn what_a_dead_owner_left_is_found_until_it_is_settled(history: Subject) {
    for (owner, now) in [("a", 10), ("b", 20), ("a", 30)] {
        history.alive(owner, now).await.unwrap();
    }
    let seen: Vec<_> = history.owners().await.unwrap().into_iter().map(|owner| (owner.id, owner.last_seen)).collect();
    assert_eq!(seen, [("a".to_owned(), 30), ("b".to_owned(), 20)]);

    history.add(QueryRecord { runs: vec![run("r1"), run("r2")], ..record("01", "a") }).await.unwrap();
    history.add(record("02", "b")).await.unwrap();
    history.add(record("03", "a")).await.unwrap();
    history.update(ended(record("03", "a"), RecordState::Finished, 31)).await.unwrap();
    let left = history.unsettled("a").await.unwrap();
    assert_eq!(left.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["01"]);
    // It is failed first and swept afterwards: whoever dies between the two leaves the rest to be found.
    history.swept("01").await.unwrap();
    assert_eq!(history.get("01").await.unwrap().unwrap().runs.len(), 2);
    history.update(ended(left[0].clone(), RecordState::Failed, 40)).await.unwrap();
    assert_eq!(history.unsettled("a").await.unwrap()[0].runs, [run("r1"), run("r2")]);
    history.swept("01").await.unwrap();
    assert!(history.unsettled("a").await.unwrap().is_empty());
    assert!(history.get("01").await.unwrap().unwrap().runs.is_empty());
    history.retire("a").await.unwrap();
    assert_eq!(history.owners().await.unwrap().len(), 1);
}

async fn old_records_are_forgotten_and_those_under_way_are_not(history: Subject) {
    for (id, end) in [("01", None), ("02", Some(10)), ("03", Some(90)), ("04", Some(20)), ("05", Some(95))] {
        history.add(record(id, "a")).await.unwrap();
        if let Some(end) = end {
            history.update(ended(record(id, "a"), RecordState::Finished, end)).await.unwrap();
        }
    }
    let ids = |records: Vec<QueryRecord>| {
        let mut ids: Vec<_> = records.into_iter().map(|record| record.id).collect();
        ids.sort();
        ids
    };
    let gone = history.forget(Retention { max_records: 100, ended_since: 50 }).await.unwrap();
    assert_eq!(ids(gone), ["02", "04"]);
    let gone = history.forget(Retention { max_records: 1, ended_since: 50 }).await.unwrap();
    assert_eq!(ids(gone), ["03"]);
    assert_eq!(ids(history.list(&HistoryFilter::default()).await.unwrap()), ["01", "05"]);
}

fn record(id: &str, owner: &str) -> QueryRecord {
    QueryRecord {
        id: id.to_owned(),
        owner: owner.to_owned(),
        user: "ann".to_owned(),
        database: "default".to_owned(),
        sql: "SELECT 'it''s'".to_owned(),
        submitted: 1,
        ..QueryRecord::default()
    }
}

fn ended(record: QueryRecord, state: RecordState, at: i64) -> QueryRecord {
    QueryRecord { state, ended: Some(at), ..record }
}

fn run(id: &str) -> ExchangeRun {
    ExchangeRun { id: id.to_owned(), exchange: "s3://exchange/".to_owned() }
}
