use proptest::prelude::*;

use super::*;
use crate::catalog::DropMode;
use crate::error::{CatalogErrorKind, Position};
use crate::format::{LAZY_SIMPLE_SERDE, OPEN_CSV_SERDE, PARQUET_SERDE, TEXT_INPUT};
use crate::model::{
    Column, NullOrder, Parameters, SerDe, SortColumn, SortDirection, StorageDescriptor, Table, TableType,
};

fn ddl(text: &str) -> Ddl {
    match parse(text).unwrap() {
        Statement::Ddl(ddl) => ddl,
        other => panic!("{other:?}"),
    }
}

fn table(text: &str) -> Table {
    match ddl(text) {
        Ddl::CreateTable(create) => create.into_table("default", 0),
        other => panic!("{other:?}"),
    }
}

fn show(text: &str) -> Show {
    match parse(text).unwrap() {
        Statement::Show(show) => show,
        other => panic!("{other:?}"),
    }
}

fn name(database: Option<&str>, name: &str, column: u64) -> TableName {
    TableName { database: database.map(str::to_owned), name: name.to_owned(), position: Position { line: 1, column } }
}

fn params(pairs: &[(&str, &str)]) -> Parameters {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[track_caller]
fn fails(text: &str, message: &str, line: u64, column: u64) {
    let error = parse(text).unwrap_err();
    assert_eq!((error.message.as_str(), error.position), (message, Some(Position { line, column })), "{text}");
}

#[test]
fn a_parquet_table_with_everything() {
    let table = table(
        "CREATE EXTERNAL TABLE IF NOT EXISTS Web.`Visits` ( -- who came
           `Visitor Id` bigint COMMENT 'it''s a number',
           tags ARRAY<string>, address struct<street:string,zip:array<map<string,decimal(10, 2)>>>,
           amount DOUBLE PRECISION, seen timestamp with local time zone )
         COMMENT 'all visits'
         PARTITIONED BY (year int COMMENT 'of the visit', `month` string)
         STORED AS PARQUET
         LOCATION 's3://lake/visits/'
         TBLPROPERTIES ('parquet.compression'='SNAPPY', \"classification\" = \"parquet\");",
    );
    assert_eq!((table.database.as_str(), table.name.as_str()), ("web", "visits"));
    assert_eq!(table.description.as_deref(), Some("all visits"));
    let columns: Vec<_> = table.storage.columns.iter().map(|c| (c.name.as_str(), c.data_type.as_str())).collect();
    assert_eq!(
        columns,
        [
            ("visitor id", "bigint"),
            ("tags", "array<string>"),
            ("address", "struct<street:string,zip:array<map<string,decimal(10,2)>>>"),
            ("amount", "double"),
            ("seen", "timestamp with local time zone"),
        ]
    );
    assert_eq!(table.storage.columns[0].comment.as_deref(), Some("it's a number"));
    assert_eq!(table.partition_keys[0].comment.as_deref(), Some("of the visit"));
    assert_eq!(table.partition_keys[1].name, "month");
    assert_eq!(table.storage.serde.serialization_library, PARQUET_SERDE);
    assert_eq!(table.storage.location, "s3://lake/visits/");
    assert_eq!(table.parameters, params(&[("classification", "parquet"), ("parquet.compression", "SNAPPY")]));
}

#[test]
fn files_may_be_declared_as_sorted() {
    let sorted = table(
        "CREATE EXTERNAL TABLE t (a int, `B c` string) STORED AS PARQUET \
         WITH ORDER (a, `B c` DESC NULLS FIRST) LOCATION 's3://b/t/'",
    );
    let by = |column: &str, direction, nulls| SortColumn { column: column.to_owned(), direction, nulls };
    assert_eq!(
        sorted.storage.sort_columns,
        [by("a", SortDirection::Ascending, NullOrder::Last), by("b c", SortDirection::Descending, NullOrder::First),]
    );
    fails("CREATE TABLE t (a int) WITH ORDER LOCATION 's3://b/'", "expected '(', found 'LOCATION'", 1, 35);
}

#[test]
fn text_in_its_several_spellings() {
    let delimited = table(
        r"create external table t (a int)
          row format delimited fields terminated by '\t' escaped by '\\' lines terminated by '\n' null defined as '\N'
          stored as textfile location '/data/t/'",
    );
    assert_eq!(delimited.storage.serde.serialization_library, LAZY_SIMPLE_SERDE);
    assert_eq!(
        delimited.storage.serde.parameters,
        params(&[
            ("escape.delim", "\\"),
            ("field.delim", "\t"),
            ("line.delim", "\n"),
            ("serialization.format", "\t"),
            ("serialization.null.format", "\\N"),
        ])
    );

    let quoted = table(
        r#"CREATE EXTERNAL TABLE t (a int) ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'
           WITH SERDEPROPERTIES ("separatorChar" = ";", "quoteChar" = "\"", "escapeChar" = "\\")
           LOCATION 's3://b/t/' TBLPROPERTIES ('skip.header.line.count'='1')"#,
    );
    assert_eq!(quoted.storage.serde.serialization_library, OPEN_CSV_SERDE);
    assert_eq!(quoted.storage.input_format, TEXT_INPUT);
    assert_eq!(
        quoted.storage.serde.parameters,
        params(&[("escapeChar", "\\"), ("quoteChar", "\""), ("separatorChar", ";")])
    );

    let csv = table("CREATE TABLE t (a int) STORED AS CSV LOCATION 's3://b/t/'");
    assert_eq!(csv.storage.serde.serialization_library, OPEN_CSV_SERDE);
    assert!(csv.storage.serde.parameters.is_empty());
    let bars = table(
        "CREATE TABLE t (a int) ROW FORMAT DELIMITED FIELDS TERMINATED BY '|' STORED AS CSV LOCATION 's3://b/t/'",
    );
    assert_eq!(bars.storage.serde.parameters, params(&[("separatorChar", "|")]));
    let nothing_said = table("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/t/'");
    assert_eq!(nothing_said.storage.serde.serialization_library, LAZY_SIMPLE_SERDE);
}

#[test]
fn errors_say_where() {
    fails("CREATE EXTERNAL TABEL t (a int)", "expected TABLE, found 'TABEL'", 1, 17);
    fails(
        "CREATE EXTERNAL TABLE t (\n  a int,\n  b strnig\n) LOCATION 's3://b/'",
        "column b: \"strnig\" is not a Hive type",
        3,
        5,
    );
    fails("CREATE EXTERNAL TABLE t (a int b int)", "expected COMMENT, ',' or ')', found 'b'", 1, 32);
    fails("CREATE EXTERNAL TABLE t (a) LOCATION 's3://b/'", "expected a type for column a, found ')'", 1, 27);
    fails("CREATE EXTERNAL TABLE t (a int", "expected COMMENT, ',' or ')', found the end of the statement", 1, 31);
    fails(
        "CREATE EXTERNAL TABLE db.t (a int) STORED AS PARQUET",
        "table db.t has no location: add LOCATION 's3://bucket/prefix/'",
        1,
        23,
    );
    fails("CREATE EXTERNAL TABLE t (a int, A string) LOCATION 's3://b/'", "column a is declared twice", 1, 23);
    fails(
        "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (a int) LOCATION 's3://b/'",
        "column a is declared twice; PARTITIONED BY declares its columns itself",
        1,
        23,
    );
    fails(
        "CREATE EXTERNAL TABLE t (a int) LOCATION 'data/'",
        "\"data/\" is no location: write 's3://bucket/prefix/' or an absolute path",
        1,
        42,
    );
    fails(
        "CREATE EXTERNAL TABLE t (a int) STORED AS PARKET LOCATION 's3://b/'",
        "expected PARQUET, TEXTFILE, CSV, JSON, ORC, AVRO or INPUTFORMAT, found 'PARKET'",
        1,
        43,
    );
    fails("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/' LOCATION 's3://c/'", "LOCATION is given twice", 1, 52);
    fails("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://b/", "unterminated string literal", 1, 42);
    fails("DROP TABLE t u", "expected the end of the statement, found 'u'", 1, 14);
    fails(
        "SHOW ME",
        "expected TABLES, DATABASES, VIEWS, COLUMNS, PARTITIONS, CREATE TABLE or TBLPROPERTIES, found 'ME'",
        1,
        6,
    );
    fails("DROP TABLE a.b.c", "a.b.c has too many parts: write database.table", 1, 12);
}

#[test]
fn places_count_from_the_start_of_the_script() {
    let start = Position { line: 7, column: 5 };
    let error = parse_at("DROP TABLE t u", start).unwrap_err();
    assert_eq!(error.position, Some(Position { line: 7, column: 18 }));
    let error = parse_at("DROP TABLE t\nu", start).unwrap_err();
    assert_eq!(error.position, Some(Position { line: 8, column: 1 }));
}

#[test]
fn what_is_not_built_says_so() {
    for text in [
        "CREATE TABLE t AS SELECT 1",
        "CREATE TABLE t WITH (format='PARQUET') AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "ALTER TABLE t RENAME TO u",
        "CREATE EXTERNAL TABLE t (a int) CLUSTERED BY (a) INTO 4 BUCKETS LOCATION 's3://b/'",
        "CREATE EXTERNAL TABLE t (a int) STORED AS RCFILE LOCATION 's3://b/'",
        "CREATE EXTERNAL TABLE t (a uniontype<int>) LOCATION 's3://b/'",
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.kind, CatalogErrorKind::NotSupported, "{text}: {error}");
        assert!(error.position.is_some(), "{text}");
    }
}

#[test]
fn databases() {
    let Ddl::CreateDatabase { database, if_not_exists } =
        ddl("CREATE SCHEMA IF NOT EXISTS `My-DB` COMMENT 'c' LOCATION 's3://b/' WITH DBPROPERTIES ('a'='b')")
    else {
        panic!()
    };
    assert!(if_not_exists);
    assert_eq!((database.name.as_str(), database.description.as_deref()), ("my-db", Some("c")));
    assert_eq!((database.location_uri.as_deref(), database.parameters), (Some("s3://b/"), params(&[("a", "b")])));
    assert_eq!(
        ddl("DROP DATABASE IF EXISTS d CASCADE"),
        Ddl::DropDatabase { name: "d".to_owned(), if_exists: true, mode: DropMode::Cascade }
    );
    assert_eq!(parse("USE Sales;").unwrap(), Statement::Use("sales".to_owned()));
}

#[test]
fn tables_by_name() {
    assert_eq!(
        ddl("DROP TABLE IF EXISTS `db`.`T`"),
        Ddl::DropTable { table: name(Some("db"), "t", 22), if_exists: true }
    );
    assert_eq!(ddl("DROP TABLE \"t\""), Ddl::DropTable { table: name(None, "t", 12), if_exists: false });
    assert_eq!(ddl("MSCK REPAIR TABLE `db.t`"), Ddl::RepairTable { table: name(Some("db"), "t", 19) });
    assert_eq!(
        ddl("MSCK REPAIR TABLE AwsDataCatalog.db.2024_t"),
        Ddl::RepairTable { table: name(Some("db"), "2024_t", 19) }
    );
}

#[test]
fn partitions_of_a_table() {
    let Ddl::AlterTable { change: Change::AddPartitions { partitions, if_not_exists }, .. } = ddl(
        "ALTER TABLE t ADD IF NOT EXISTS PARTITION (month='01', year=2024) LOCATION 's3://b/x/' PARTITION (year=-1, month=null)",
    ) else {
        panic!()
    };
    assert!(if_not_exists);
    let mut table = table("CREATE TABLE t (a int) PARTITIONED BY (year int, month string) LOCATION 's3://b/'");
    assert_eq!(partitions[0].spec.values(&table).unwrap(), ["2024", "01"]);
    assert_eq!(partitions[0].location.as_deref(), Some("s3://b/x/"));
    assert_eq!(partitions[1].spec.values(&table).unwrap(), ["-1", crate::hive_path::NULL_VALUE]);

    let Ddl::AlterTable { change: Change::DropPartitions { partitions, if_exists }, .. } =
        ddl("ALTER TABLE t DROP IF EXISTS PARTITION (year=2024), PARTITION (yaer=2024, month='1')")
    else {
        panic!()
    };
    assert!(if_exists);
    assert_eq!(partitions[0].values(&table).unwrap_err().message, "partition column month has no value");
    let error = partitions[1].values(&table).unwrap_err();
    assert_eq!(error.message, "yaer is not a partition column; the table's are year, month");
    assert_eq!(error.position, Some(Position { line: 1, column: 53 }));
    table.partition_keys.clear();
    assert_eq!(partitions[0].values(&table).unwrap_err().message, "table default.t is not partitioned");
}

#[test]
fn other_changes_of_a_table() {
    let change = |text: &str| match ddl(text) {
        Ddl::AlterTable { change, .. } => change,
        other => panic!("{other:?}"),
    };
    let column = |name: &str, data_type: &str| Column { name: name.into(), data_type: data_type.into(), comment: None };
    assert_eq!(
        change("ALTER TABLE t ADD COLUMNS (a int, b array<string>)"),
        Change::AddColumns(vec![column("a", "int"), column("b", "array<string>")])
    );
    assert_eq!(change("ALTER TABLE t REPLACE COLUMNS (a int)"), Change::ReplaceColumns(vec![column("a", "int")]));
    assert_eq!(change("ALTER TABLE t SET LOCATION 's3://b/u/'"), Change::SetLocation("s3://b/u/".to_owned()));
    assert_eq!(change("ALTER TABLE t SET TBLPROPERTIES ('a'='b')"), Change::SetProperties(params(&[("a", "b")])));
    assert_eq!(change("ALTER TABLE t UNSET TBLPROPERTIES ('a')"), Change::UnsetProperties(vec!["a".to_owned()]));
}

#[test]
fn shows_and_describes() {
    assert_eq!(show("SHOW TABLES"), Show::Tables { database: None, pattern: None });
    assert_eq!(
        show("SHOW TABLES IN `Db` '*log*'"),
        Show::Tables { database: Some("db".to_owned()), pattern: Some("*log*".to_owned()) }
    );
    assert_eq!(show("show schemas LIKE 'a|b';"), Show::Databases { pattern: Some("a|b".to_owned()) });
    assert_eq!(show("SHOW COLUMNS FROM t IN db"), Show::Columns { table: name(Some("db"), "t", 19) });
    assert_eq!(show("SHOW PARTITIONS db.t"), Show::Partitions { table: name(Some("db"), "t", 17) });
    assert_eq!(show("SHOW CREATE TABLE t"), Show::CreateTable { table: name(None, "t", 19) });
    assert_eq!(
        show("SHOW TBLPROPERTIES t('a.b')"),
        Show::TableProperties { table: name(None, "t", 20), property: Some("a.b".to_owned()) }
    );
    let describe = |formatted, column: Option<&str>, at| {
        Statement::Describe(Describe { table: name(None, "t", at), formatted, column: column.map(str::to_owned) })
    };
    assert_eq!(parse("DESC t").unwrap(), describe(false, None, 6));
    assert_eq!(parse("DESCRIBE FORMATTED t;").unwrap(), describe(true, None, 20));
    assert_eq!(parse("DESCRIBE t a").unwrap(), describe(false, Some("a"), 10));
}

fn columns(names: &'static str, at_least: usize) -> impl Strategy<Value = Vec<Column>> {
    let data_type = prop::sample::select(vec!["int", "string", "decimal(10,2)", "varchar(20)", "timestamp"]);
    let nested = prop_oneof![
        data_type.clone().prop_map(str::to_owned),
        data_type.clone().prop_map(|inner| format!("array<{inner}>")),
        data_type.clone().prop_map(|inner| format!("struct<a:{inner},`b c`:map<string,array<{inner}>>>")),
    ];
    let nested = if names.starts_with('k') { data_type.prop_map(str::to_owned).boxed() } else { nested.boxed() };
    prop::collection::btree_map(names, (nested, prop::option::of(".{0,8}")), at_least..4).prop_map(|columns| {
        columns.into_iter().map(|(name, (data_type, comment))| Column { name, data_type, comment }).collect()
    })
}

fn properties() -> impl Strategy<Value = Parameters> {
    prop::collection::btree_map("[a-z.'\\\\]{1,6}", any::<String>(), 0..3)
}

fn order() -> impl Strategy<Value = Vec<SortColumn>> {
    let sorted = ("[a-z_ `]{1,6}", any::<bool>(), any::<bool>()).prop_map(|(column, descending, first)| SortColumn {
        column,
        direction: if descending { SortDirection::Descending } else { SortDirection::Ascending },
        nulls: if first { NullOrder::First } else { NullOrder::Last },
    });
    prop::collection::vec(sorted, 0..3)
}

prop_compose! {
    fn tables()(
        columns in columns("c[a-z0-9 `.]{0,5}", 0),
        partition_keys in columns("k[a-z_]{0,5}", 0),
        description in prop::option::of(any::<String>()),
        location in "s3://[a-z]{3}/[ -~\u{e9}]{0,10}/",
        library in "[a-zA-Z.]{1,20}",
        input_format in "[a-zA-Z.]{1,20}",
        settings in properties(),
        sort_columns in order(),
        parameters in properties(),
        name in "[a-z_]{1,8}",
    ) -> Table {
        Table {
            database: "db".to_owned(),
            name,
            description,
            table_type: TableType::External,
            storage: StorageDescriptor {
                columns,
                location,
                output_format: format!("{input_format}.out"),
                input_format,
                sort_columns,
                serde: SerDe { serialization_library: library, parameters: settings },
                ..StorageDescriptor::default()
            },
            partition_keys,
            parameters,
            create_time: 0,
        }
    }
}

proptest! {
    #[test]
    fn what_show_create_table_prints_makes_the_same_table(wanted in tables()) {
        let printed = show_create_table(&wanted);
        prop_assert_eq!(table(&printed), wanted, "{}", printed);
    }

    #[test]
    fn no_text_panics(text in "(CREATE|EXTERNAL|TABLE|t|\\(|\\)|a|int|array|<|>|>>|,|'x'|LOCATION|=|SHOW|DESC|ALTER|ADD|PARTITION|;| ){0,24}") {
        let _ = parse(&text);
    }
}
