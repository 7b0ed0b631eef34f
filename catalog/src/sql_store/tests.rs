use std::process::{Command, Stdio};
use std::sync::Arc;

use super::*;
use crate::contract::{sample_partition, sample_table};
use crate::model::Database;

#[tokio::test]
async fn survives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not/there/yet/catalog.db");
    let first = SqlCatalog::open(&path).await.unwrap();
    first.create_table(sample_table("default", "visits")).await.unwrap();
    first.create_partitions("default", "visits", vec![sample_partition("2024")]).await.unwrap();
    first.close().await;

    let second = SqlCatalog::open(&path).await.unwrap();
    assert_eq!(second.table("default", "visits").await.unwrap(), sample_table("default", "visits"));
    assert_eq!(second.partitions("default", "visits").await.unwrap(), [sample_partition("2024")]);
}

/// Four processes open one new file at once and write to it.
#[tokio::test]
async fn several_processes_on_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "sql_store::tests::one_writing_process", "--ignored"])
                .env(PATH_OF_CHILD, &path)
                .env(NAME_OF_CHILD, format!("t_{writer}"))
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for writer in writers {
        let output = writer.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let catalog = SqlCatalog::open(&path).await.unwrap();
    assert_eq!(catalog.tables("default").await.unwrap().len(), 40);
}

const PATH_OF_CHILD: &str = "ARACHNE_TEST_CATALOG";
const NAME_OF_CHILD: &str = "ARACHNE_TEST_TABLE";

/// The other side of the test above; does nothing when it is run by itself.
#[tokio::test]
#[ignore = "started by several_processes_on_one_file"]
async fn one_writing_process() {
    let (Some(path), Ok(name)) = (std::env::var_os(PATH_OF_CHILD), std::env::var(NAME_OF_CHILD)) else { return };
    let catalog = SqlCatalog::open(Path::new(&path)).await.unwrap();
    for table in 0..10 {
        catalog.create_table(sample_table("default", &format!("{name}_{table}"))).await.unwrap();
        assert!(!catalog.tables("default").await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_another_process_changes_changes_the_state_of_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let (here, elsewhere) = (SqlCatalog::open(&path).await.unwrap(), SqlCatalog::open(&path).await.unwrap());
    here.create_table(sample_table("default", "t")).await.unwrap();
    let before = here.table_and_state("default", "t").await.unwrap();
    elsewhere.create_partitions("default", "t", vec![sample_partition("2024")]).await.unwrap();
    let after = here.table_and_state("default", "t").await.unwrap();
    assert!(before.0 == after.0 && before.1 != after.1, "{before:?} {after:?}");
    // By hand, as with the program sqlite3.
    sqlx::raw_sql("UPDATE partitions SET definition = definition").execute(&elsewhere.pool).await.unwrap();
    assert_ne!(here.table_and_state("default", "t").await.unwrap().1, after.1);
    // The history is in the same file, and says nothing of partitions.
    let known = here.table_and_state("default", "t").await.unwrap();
    let record = crate::history::QueryRecord { id: "1".to_owned(), ..Default::default() };
    crate::history::QueryHistory::add(&elsewhere.history(), record).await.unwrap();
    assert_eq!(here.table_and_state("default", "t").await.unwrap(), known);
}

/// Of several who want the same name at once, one gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_winner() {
    let folder = tempfile::tempdir().unwrap();
    let path = Arc::new(folder.path().join("catalog.db"));
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let path = Arc::clone(&path);
        writers.spawn(async move {
            let catalog = SqlCatalog::open(&path).await.unwrap();
            catalog.create_database(Database { name: "shared".to_owned(), ..Database::default() }).await
        });
    }
    let outcomes = writers.join_all().await;
    let lost: Vec<_> = outcomes.into_iter().filter_map(Result::err).map(|error| error.kind).collect();
    assert_eq!(lost, [CatalogErrorKind::AlreadyExists; 7]);
}

#[tokio::test]
async fn a_failed_write_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = SqlCatalog::open(&folder.path().join("catalog.db")).await.unwrap();
    catalog.create_table(sample_table("default", "t")).await.unwrap();
    catalog.create_partitions("default", "t", vec![sample_partition("2024")]).await.unwrap();
    let both = vec![sample_partition("2023"), sample_partition("2024")];
    catalog.create_partitions("default", "t", both).await.unwrap_err();
    assert_eq!(catalog.partitions("default", "t").await.unwrap(), [sample_partition("2024")]);
}

#[tokio::test]
async fn a_file_that_is_no_catalog_and_one_from_the_future() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "dear diary, this is more text than the header of an SQLite file has bytes, so that it is looked at",
    )
    .unwrap();
    let error = SqlCatalog::open(&text).await.unwrap_err();
    assert_eq!(error.kind, CatalogErrorKind::Unavailable);
    assert!(error.message.contains("notes.txt"), "{}", error.message);

    let future = folder.path().join("future.db");
    let catalog = SqlCatalog::open(&future).await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&catalog.pool).await.unwrap();
    catalog.close().await;
    let error = SqlCatalog::open(&future).await.unwrap_err();
    assert!(error.message.contains("newer version"), "{}", error.message);
}

#[tokio::test]
async fn a_locked_file_is_said_to_be_locked_and_works_when_it_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let holder = SqlCatalog::open(&path).await.unwrap();
    let catalog = SqlCatalog::open_waiting(&path, Duration::from_millis(50)).await.unwrap();
    let lock = holder.begin().await.unwrap();
    let error = catalog.create_table(sample_table("default", "visits")).await.unwrap_err();
    assert_eq!(error.kind, CatalogErrorKind::Unavailable);
    assert!(error.message.contains("locked"), "{error}");
    let record = crate::history::QueryRecord { id: "1".to_owned(), ..Default::default() };
    let error = crate::history::QueryHistory::add(&catalog.history(), record).await.unwrap_err();
    assert!(error.kind == CatalogErrorKind::Unavailable && error.message.contains("locked"), "{error}");
    assert!(catalog.tables("default").await.unwrap().is_empty(), "who only reads does not wait");
    lock.rollback().await.unwrap();
    catalog.create_table(sample_table("default", "visits")).await.unwrap();
}

#[tokio::test]
async fn a_history_of_before_there_were_doors_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    for step in [include_str!("migrations/0001_start.sql"), include_str!("migrations/0002_history.sql")] {
        sqlx::raw_sql(step).execute(&pool).await.unwrap();
    }
    let old =
        r#"{"id":"1","owner":"a","user":"ann","database":"default","sql":"SELECT 1","state":"finished","submitted":7}"#;
    sqlx::query(
        "INSERT INTO queries (id, user_name, owner, state, has_ended, has_runs, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind("1")
    .bind("ann")
    .bind("a")
    .bind("finished")
    .bind(true)
    .bind(false)
    .bind(old)
    .execute(&pool)
    .await
    .unwrap();
    sqlx::raw_sql("PRAGMA user_version = 2").execute(&pool).await.unwrap();
    pool.close().await;

    let history = SqlCatalog::open(&path).await.unwrap().history();
    let filter = crate::history::HistoryFilter { since: Some(7), until: Some(8), ..Default::default() };
    let found = crate::history::QueryHistory::list(&history, &filter).await.unwrap();
    assert_eq!((found.len(), found[0].door.as_str(), found[0].submitted), (1, "", 7));
}
