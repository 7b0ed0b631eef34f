use arachne_catalog::MemoryCatalog;
use arrow::array::{Array, AsArray};

use super::*;
use crate::error::Position;
use crate::sql::parse;

#[derive(Debug)]
struct Folders(Vec<&'static str>);

#[async_trait]
impl PartitionFolders for Folders {
    async fn partition_folders(&self, _: &Table) -> Result<Vec<String>> {
        Ok(self.0.iter().map(|folder| (*folder).to_owned()).collect())
    }
}

struct Session {
    catalog: MemoryCatalog,
    folders: Folders,
}

impl Session {
    fn new() -> Self {
        Self { catalog: MemoryCatalog::new(), folders: Folders(Vec::new()) }
    }

    /// Runs a script and gives the rows of its last statement, values joined by `|`.
    async fn run(&self, script: &str) -> Result<Vec<String>> {
        let context =
            DdlContext { catalog: &self.catalog, database: "default", now: 1_700_000_000_000, folders: &self.folders };
        let mut last = Vec::new();
        for statement in parse(script)? {
            let (schema, batches) = execute(&statement, &context).await?;
            last = batches.iter().flat_map(rows_of).collect();
            assert!(batches.iter().all(|batch| batch.schema() == schema));
        }
        Ok(last)
    }

    async fn rows(&self, script: &str) -> Vec<String> {
        self.run(script).await.unwrap()
    }

    async fn error(&self, script: &str) -> Error {
        self.run(script).await.unwrap_err()
    }
}

fn rows_of(batch: &RecordBatch) -> Vec<String> {
    let value = |column: &dyn Array, row| column.as_string::<i32>().value(row).to_owned();
    (0..batch.num_rows())
        .map(|row| batch.columns().iter().map(|column| value(column.as_ref(), row)).collect::<Vec<_>>().join("|"))
        .collect()
}

const VISITS: &str = "CREATE EXTERNAL TABLE visits (visitor bigint COMMENT 'who', page string)
    COMMENT 'all of them' PARTITIONED BY (year int, month string)
    STORED AS PARQUET LOCATION 's3://lake/visits' TBLPROPERTIES ('owner'='ann')";

#[tokio::test]
async fn tables_are_made_shown_and_dropped() {
    let session = Session::new();
    assert!(session.rows(VISITS).await.is_empty());
    session.rows("CREATE DATABASE sales; CREATE EXTERNAL TABLE sales.orders (id int) LOCATION 's3://lake/o/'").await;
    assert_eq!(session.rows("SHOW DATABASES").await, ["default", "sales"]);
    assert_eq!(session.rows("SHOW TABLES").await, ["visits"]);
    assert_eq!(session.rows("SHOW TABLES IN sales 'ord*'").await, ["orders"]);
    assert!(session.rows("SHOW VIEWS").await.is_empty());
    assert_eq!(session.rows("SHOW COLUMNS IN visits").await, ["visitor", "page", "year", "month"]);
    assert_eq!(session.rows("SHOW TBLPROPERTIES visits").await, ["owner|ann"]);
    assert!(session.rows("SHOW TBLPROPERTIES visits('color')").await.is_empty());
    session.rows("DROP TABLE sales.orders").await;
    assert!(session.rows("SHOW TABLES IN sales").await.is_empty());
    assert!(session.rows("USE sales").await.is_empty());
    assert_eq!(session.error("USE nowhere").await.code, ErrorCode::NotFound);
}

#[tokio::test]
async fn describe_prints_athenas_blocks() {
    let session = Session::new();
    session.rows(VISITS).await;
    assert_eq!(
        session.rows("DESCRIBE visits").await,
        [
            "visitor|bigint|who",
            "page|string|",
            "year|int|",
            "month|string|",
            "||",
            "# Partition Information||",
            "# col_name|data_type|comment",
            "||",
            "year|int|",
            "month|string|",
        ]
    );
    assert_eq!(session.rows("DESC visits page").await, ["page|string|"]);
    let error = session.error("DESC visits pgae").await;
    assert_eq!((error.code, error.hint.as_deref()), (ErrorCode::NotFound, Some("did you mean page?")));
    let formatted = session.rows("DESCRIBE FORMATTED visits").await;
    for line in
        ["Location:|s3://lake/visits|", "CreateTime:|2023-11-14 22:13:20 UTC|", "|owner|ann", "Comment:|all of them|"]
    {
        assert!(formatted.iter().any(|row| row == line), "{line} in {formatted:?}");
    }
}

#[tokio::test]
async fn show_create_table_makes_the_table_again() {
    let session = Session::new();
    session.rows(VISITS).await;
    let before = session.catalog.table("default", "visits").await.unwrap();
    let statement = session.rows("SHOW CREATE TABLE visits").await.join("\n");
    session.rows("DROP TABLE visits").await;
    session.rows(&statement).await;
    assert_eq!(session.catalog.table("default", "visits").await.unwrap(), before);
}

#[tokio::test]
async fn partitions_are_added_and_dropped() {
    let session = Session::new();
    session.rows(VISITS).await;
    session.rows("ALTER TABLE visits ADD PARTITION (year=2024, month='01') PARTITION (year=2024, month='a/b') LOCATION 's3://x/y/'").await;
    assert_eq!(session.rows("SHOW PARTITIONS visits").await, ["year=2024/month=01", "year=2024/month=a%2Fb"]);
    let stored = session.catalog.partitions("default", "visits").await.unwrap();
    assert_eq!(stored[0].storage.location, "s3://lake/visits/year=2024/month=01/");
    assert_eq!(stored[1].storage.location, "s3://x/y/");
    let again = "PARTITION (year=2024, month='01') PARTITION (year=2024, month='02')";
    assert_eq!(session.error(&format!("ALTER TABLE visits ADD {again}")).await.code, ErrorCode::AlreadyExists);
    assert_eq!(session.rows("SHOW PARTITIONS visits").await.len(), 2);
    session.rows(&format!("ALTER TABLE visits ADD IF NOT EXISTS {again}")).await;
    assert_eq!(session.rows("SHOW PARTITIONS visits").await.len(), 3);
    session.rows("ALTER TABLE visits DROP PARTITION (month='02', year=2024)").await;
    let gone = session.error("ALTER TABLE visits DROP PARTITION (month='02', year=2024)").await;
    assert_eq!((gone.code, gone.position), (ErrorCode::NotFound, Some(Position { line: 1, column: 25 })));
    session.rows("ALTER TABLE visits DROP IF EXISTS PARTITION (month='02', year=2024)").await;
    assert_eq!(session.rows("SHOW PARTITIONS visits").await.len(), 2);
    let bad = session.error("ALTER TABLE visits ADD PARTITION (year='soon', month='01')").await;
    assert_eq!(bad.message, "\"soon\" is no int, the type of partition column year");
}

#[tokio::test]
async fn repair_adds_what_is_there() {
    let mut session = Session::new();
    session.folders = Folders(vec![
        "year=2024/month=01",
        "year=2024/month=K%C3%B6ln/",
        "year=2024/month=__HIVE_DEFAULT_PARTITION__",
        "junk",
        "year=2023",
    ]);
    session.rows(VISITS).await;
    session.rows("ALTER TABLE visits ADD PARTITION (year=2024, month='01') PARTITION (year=1999, month='12')").await;
    let lines = session.rows("MSCK REPAIR TABLE visits").await;
    assert_eq!(
        lines,
        [
            "Partitions not in metastore:\tvisits:year=2024/month=K\u{f6}ln\tvisits:year=2024/month=__HIVE_DEFAULT_PARTITION__",
            "Repair: Added partition to metastore visits:year=2024/month=K\u{f6}ln",
            "Repair: Added partition to metastore visits:year=2024/month=__HIVE_DEFAULT_PARTITION__",
            "Partitions missing from filesystem:\tvisits:year=1999/month=12",
        ]
    );
    assert_eq!(session.rows("SHOW PARTITIONS visits").await.len(), 4);
    let lines = session.rows("MSCK REPAIR TABLE visits").await;
    assert_eq!(lines, ["Partitions missing from filesystem:\tvisits:year=1999/month=12"]);
}

#[tokio::test]
async fn definitions_change() {
    let session = Session::new();
    session.rows(VISITS).await;
    session
        .rows(
            "ALTER TABLE visits ADD COLUMNS (Tags array<string>);
             ALTER TABLE visits SET TBLPROPERTIES ('color'='red');
             ALTER TABLE visits UNSET TBLPROPERTIES ('owner');
             ALTER TABLE visits SET LOCATION 's3://lake/v2/'",
        )
        .await;
    let table = session.catalog.table("default", "visits").await.unwrap();
    assert_eq!(table.storage.columns[2].name, "tags");
    assert_eq!(table.parameters, [("color".to_owned(), "red".to_owned())].into());
    assert_eq!(table.storage.location, "s3://lake/v2/");
    let error = session.error("ALTER TABLE visits ADD COLUMNS (page int)").await;
    assert_eq!(error.message, "column page is named twice in table visits");
}

#[tokio::test]
async fn errors_point_and_suggest() {
    let session = Session::new();
    session.rows(VISITS).await;
    let error = session.error("DROP TABLE\n  visist").await;
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::NotFound, "table default.visist does not exist"));
    assert_eq!(
        (error.position, error.hint.as_deref()),
        (Some(Position { line: 2, column: 3 }), Some("did you mean visits?"))
    );
    let error = session.error("DESCRIBE defalt.visits").await;
    assert_eq!(
        (error.message.as_str(), error.hint.as_deref()),
        ("database defalt does not exist", Some("did you mean default?"))
    );
    let error = session.error(VISITS).await;
    assert_eq!((error.code, error.position), (ErrorCode::AlreadyExists, Some(Position { line: 1, column: 23 })));
    session.rows("DROP TABLE IF EXISTS nothing; DROP DATABASE IF EXISTS nothing").await;
    session.rows("CREATE DATABASE IF NOT EXISTS default").await;
    assert_eq!(session.error("CREATE DATABASE default").await.code, ErrorCode::AlreadyExists);
    session.rows("CREATE DATABASE d; CREATE EXTERNAL TABLE d.t (a int) LOCATION '/data/'").await;
    assert_eq!(session.error("DROP DATABASE d").await.code, ErrorCode::InvalidArgument);
    session.rows("DROP DATABASE d CASCADE").await;
    let error = session.error("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://b/'").await;
    assert_eq!(error.message, "table t has no columns");
    assert_eq!(session.error("SHOW PARTITIONS visits; SET a = 1").await.code, ErrorCode::NotSupported);
}
