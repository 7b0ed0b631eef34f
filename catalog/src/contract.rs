//! What every [`Catalog`] promises, run against each implementation.

use std::sync::Arc;

use crate::catalog::{Catalog, DropMode};
use crate::error::CatalogErrorKind::{AlreadyExists, Invalid, NotEmpty, NotFound, NotSupported};
use crate::format::FileFormat;
use crate::memory::MemoryCatalog;
use crate::model::{Column, Database, NullOrder, Partition, SortColumn, SortDirection, Table, TableType};
use crate::sql_store::SqlCatalog;

/// Each test once per implementation.
macro_rules! contract {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $test() { super::$test(super::Arc::new(super::MemoryCatalog::new())).await })*
        }
        mod sqlite {
            $(#[tokio::test] async fn $test() {
                let folder = tempfile::tempdir().unwrap();
                let catalog = super::SqlCatalog::open(&folder.path().join("catalog.db")).await.unwrap();
                super::$test(super::Arc::new(catalog)).await
            })*
        }
    };
}

contract![
    default_always_exists,
    databases_come_and_go,
    a_full_database_needs_cascade,
    tables_come_and_go,
    names_are_lower_case,
    an_update_keeps_partitions,
    partitions_come_and_go,
    every_change_of_partitions_changes_their_state,
    a_double_partition_fails_the_whole_call,
    parents_must_exist,
    contradictions_are_invalid,
];

type Subject = Arc<dyn Catalog>;

async fn default_always_exists(catalog: Subject) {
    assert_eq!(catalog.database("default").await.unwrap().name, "default");
    let error = catalog.drop_database("default", DropMode::Cascade).await.unwrap_err();
    assert_eq!(error.kind, NotSupported);
    assert_eq!(catalog.databases().await.unwrap().len(), 1);
}

async fn databases_come_and_go(catalog: Subject) {
    let sales = Database {
        name: "sales".to_owned(),
        description: Some("what was sold".to_owned()),
        location_uri: Some("s3://lake/sales/".to_owned()),
        parameters: [("owner".to_owned(), "ann".to_owned())].into(),
    };
    catalog.create_database(sales.clone()).await.unwrap();
    assert_eq!(catalog.database("sales").await.unwrap(), sales);
    assert_eq!(catalog.create_database(sales).await.unwrap_err().kind, AlreadyExists);
    catalog.create_database(database("archive")).await.unwrap();
    let names: Vec<String> = catalog.databases().await.unwrap().into_iter().map(|database| database.name).collect();
    assert_eq!(names, ["archive", "default", "sales"]);
    catalog.drop_database("sales", DropMode::Restrict).await.unwrap();
    assert_eq!(catalog.database("sales").await.unwrap_err().kind, NotFound);
    assert_eq!(catalog.drop_database("sales", DropMode::Restrict).await.unwrap_err().kind, NotFound);
}

async fn a_full_database_needs_cascade(catalog: Subject) {
    catalog.create_database(database("sales")).await.unwrap();
    catalog.create_table(sample_table("sales", "visits")).await.unwrap();
    catalog.create_partitions("sales", "visits", vec![sample_partition("2024")]).await.unwrap();
    let error = catalog.drop_database("sales", DropMode::Restrict).await.unwrap_err();
    assert_eq!(error.kind, NotEmpty);
    catalog.drop_database("sales", DropMode::Cascade).await.unwrap();
    catalog.create_database(database("sales")).await.unwrap();
    assert!(catalog.tables("sales").await.unwrap().is_empty());
    catalog.create_table(sample_table("sales", "visits")).await.unwrap();
    assert!(catalog.partitions("sales", "visits").await.unwrap().is_empty());
}

async fn tables_come_and_go(catalog: Subject) {
    catalog.create_table(sample_table("default", "visits")).await.unwrap();
    catalog.create_table(sample_table("default", "orders")).await.unwrap();
    assert_eq!(catalog.table("default", "visits").await.unwrap(), sample_table("default", "visits"));
    let error = catalog.create_table(sample_table("default", "visits")).await.unwrap_err();
    assert_eq!(error.kind, AlreadyExists);
    assert_eq!(error.message, "table default.visits exists already");
    let names: Vec<String> = catalog.tables("default").await.unwrap().into_iter().map(|table| table.name).collect();
    assert_eq!(names, ["orders", "visits"]);
    catalog.drop_table("default", "visits").await.unwrap();
    let error = catalog.table("default", "visits").await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (NotFound, "table default.visits does not exist"));
    assert_eq!(catalog.drop_table("default", "visits").await.unwrap_err().kind, NotFound);
}

async fn names_are_lower_case(catalog: Subject) {
    catalog.create_database(database("Sales")).await.unwrap();
    let mut table = sample_table("SALES", "Visits");
    table.storage.columns[0].name = "Visitor".to_owned();
    catalog.create_table(table).await.unwrap();
    let stored = catalog.table("sALES", "vISITS").await.unwrap();
    assert_eq!((stored.database.as_str(), stored.name.as_str()), ("sales", "visits"));
    assert_eq!(stored.storage.columns[0].name, "visitor");
    catalog.create_partitions("SALES", "VISITS", vec![sample_partition("2024")]).await.unwrap();
    catalog.drop_partition("SALES", "VISITS", &["2024".to_owned()]).await.unwrap();
    assert_eq!(catalog.create_database(database("SALES")).await.unwrap_err().kind, AlreadyExists);
    assert_eq!(catalog.create_table(sample_table("Sales", "VISITS")).await.unwrap_err().kind, AlreadyExists);
    catalog.drop_table("SALES", "VISITS").await.unwrap();
    catalog.drop_database("SALES", DropMode::Restrict).await.unwrap();
}

async fn an_update_keeps_partitions(catalog: Subject) {
    catalog.create_table(sample_table("default", "visits")).await.unwrap();
    catalog.create_partitions("default", "visits", vec![sample_partition("2024")]).await.unwrap();
    let mut table = sample_table("default", "visits");
    table.parameters.insert("owner".to_owned(), "bob".to_owned());
    catalog.update_table(table.clone()).await.unwrap();
    assert_eq!(catalog.table("default", "visits").await.unwrap(), table);
    assert_eq!(catalog.partitions("default", "visits").await.unwrap().len(), 1);
    assert_eq!(catalog.update_table(sample_table("default", "other")).await.unwrap_err().kind, NotFound);
}

async fn partitions_come_and_go(catalog: Subject) {
    catalog.create_table(sample_table("default", "visits")).await.unwrap();
    // In order of values, not of the text they are stored as: a space comes before a quote.
    let added = ["2024", "2023", "202", "2023 late", "O'Brien \"x\", \u{1F980}"].map(sample_partition);
    catalog.create_partitions("default", "visits", added.to_vec()).await.unwrap();
    let stored = catalog.partitions("default", "visits").await.unwrap();
    let values: Vec<&str> = stored.iter().map(|partition| partition.values[0].as_str()).collect();
    assert_eq!(values, ["202", "2023", "2023 late", "2024", "O'Brien \"x\", \u{1F980}"]);
    assert_eq!(stored[3], sample_partition("2024"));
    catalog.drop_partition("default", "visits", &["2023".to_owned()]).await.unwrap();
    assert_eq!(catalog.partitions("default", "visits").await.unwrap().len(), 4);
    let error = catalog.drop_partition("default", "visits", &["2023".to_owned()]).await.unwrap_err();
    assert_eq!(error.kind, NotFound);
}

async fn every_change_of_partitions_changes_their_state(catalog: Subject) {
    let state = async || catalog.table_and_state("DEFAULT", "Visits").await.map(|(_, state)| state);
    assert_eq!(state().await.unwrap_err().message, "table default.visits does not exist");
    catalog.create_table(sample_table("default", "visits")).await.unwrap();
    let (table, empty) = catalog.table_and_state("default", "visits").await.unwrap();
    assert_eq!(table, sample_table("default", "visits"));
    assert_eq!(state().await.unwrap(), empty);
    catalog.create_partitions("default", "visits", vec![sample_partition("2024")]).await.unwrap();
    let one = state().await.unwrap();
    assert_eq!(state().await.unwrap(), one, "who only reads changes nothing");
    catalog.drop_partition("default", "visits", &["2024".to_owned()]).await.unwrap();
    let none = state().await.unwrap();
    catalog.create_partitions("default", "visits", vec![sample_partition("2024")]).await.unwrap();
    let again = state().await.unwrap();
    // Another table of that name, with a partition of the same name elsewhere.
    catalog.drop_table("default", "visits").await.unwrap();
    catalog.create_table(sample_table("default", "visits")).await.unwrap();
    let new = state().await.unwrap();
    catalog.create_partitions("default", "visits", vec![sample_partition("2024")]).await.unwrap();
    let states = [empty, one, none, again, new, state().await.unwrap()];
    for (nth, state) in states.iter().enumerate() {
        assert!(!states[..nth].contains(state), "{states:?}");
    }
}

async fn a_double_partition_fails_the_whole_call(catalog: Subject) {
    catalog.create_table(sample_table("default", "visits")).await.unwrap();
    catalog.create_partitions("default", "visits", vec![sample_partition("2024")]).await.unwrap();
    for again in [["2022", "2024"], ["2022", "2022"]] {
        let error =
            catalog.create_partitions("default", "visits", again.map(sample_partition).to_vec()).await.unwrap_err();
        assert_eq!(error.kind, AlreadyExists);
        assert_eq!(catalog.partitions("default", "visits").await.unwrap(), [sample_partition("2024")]);
    }
    let short = Partition { values: vec![], ..sample_partition("2022") };
    assert_eq!(catalog.create_partitions("default", "visits", vec![short]).await.unwrap_err().kind, Invalid);
}

async fn parents_must_exist(catalog: Subject) {
    let table = sample_table("nowhere", "visits");
    assert_eq!(catalog.create_table(table).await.unwrap_err().message, "database nowhere does not exist");
    assert_eq!(catalog.tables("nowhere").await.unwrap_err().kind, NotFound);
    assert_eq!(catalog.table("nowhere", "t").await.unwrap_err().message, "database nowhere does not exist");
    assert_eq!(catalog.partitions("default", "t").await.unwrap_err().message, "table default.t does not exist");
    assert_eq!(catalog.create_partitions("default", "t", vec![]).await.unwrap_err().kind, NotFound);
    assert_eq!(catalog.drop_partition("default", "t", &[]).await.unwrap_err().kind, NotFound);
}

async fn contradictions_are_invalid(catalog: Subject) {
    let mut double = sample_table("default", "t");
    double.partition_keys[0].name = "VISITOR".to_owned();
    assert_eq!(catalog.create_table(double).await.unwrap_err().message, "column visitor is named twice in table t");
    let mut typo = sample_table("default", "t");
    typo.storage.columns[0].data_type = "strnig".to_owned();
    let error = catalog.create_table(typo).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Invalid, "column visitor: \"strnig\" is not a Hive type"));
    let mut nested_key = sample_table("default", "t");
    nested_key.partition_keys[0].data_type = "array<int>".to_owned();
    assert_eq!(catalog.create_table(nested_key).await.unwrap_err().kind, Invalid);
    let mut unsorted = sample_table("default", "t");
    unsorted.storage.sort_columns =
        vec![SortColumn { column: "year".to_owned(), direction: SortDirection::Descending, nulls: NullOrder::First }];
    let error = catalog.create_table(unsorted).await.unwrap_err();
    assert_eq!(error.message, "WITH ORDER names year, which is no column of the files of table t");
    assert_eq!(catalog.create_table(sample_table("default", "")).await.unwrap_err().kind, Invalid);
    assert_eq!(catalog.create_database(database("a/b")).await.unwrap_err().kind, Invalid);
}

fn database(name: &str) -> Database {
    Database { name: name.to_owned(), ..Database::default() }
}

/// A Parquet table with one column, partitioned by `year`.
pub(crate) fn sample_table(database: &str, name: &str) -> Table {
    let mut storage = FileFormat::Parquet.storage("s3://lake/visits/");
    storage.columns = vec![column("visitor", "string")];
    Table {
        database: database.to_owned(),
        name: name.to_owned(),
        description: Some("who came".to_owned()),
        table_type: TableType::External,
        storage,
        partition_keys: vec![column("year", "string")],
        parameters: [("classification".to_owned(), "parquet".to_owned())].into(),
        create_time: 1_700_000_000_000,
    }
}

pub(crate) fn sample_partition(year: &str) -> Partition {
    Partition {
        values: vec![year.to_owned()],
        storage: FileFormat::Parquet.storage(format!("s3://lake/visits/year={year}/")),
        parameters: Default::default(),
    }
}

fn column(name: &str, data_type: &str) -> Column {
    Column { name: name.to_owned(), data_type: data_type.to_owned(), comment: None }
}
