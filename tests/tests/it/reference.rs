//! The measuring rod itself: the generated files are TPC-H, so that agreement with DuckDB over them means something.

use arachne_tests::answer::{Order, assert_same};
use arachne_tests::duckdb::DuckDb;
use arachne_tests::tpch::{Dataset, Form, TABLES, TpchQuery, TpchTable};
use arrow::datatypes::DataType;

#[test]
fn the_files_hold_what_duckdb_generates() {
    let data = Dataset::shared();
    let theirs = DuckDb::new().dbgen(data.scale());
    for table in &TABLES {
        // Free text is drawn from another pool there.
        let schema = table.schema();
        let columns = schema.fields().iter().map(|field| field.name().clone());
        let columns: Vec<_> =
            columns.filter(|name| !name.ends_with("_comment") && !name.ends_with("_address")).collect();
        let sql = checksum(&columns.join(", "), table.name);
        let expected = theirs.answer(&sql).unwrap();
        assert_same(&expected, &data.duckdb().answer(&sql).unwrap(), Order::Any, table.name);
    }
}

#[test]
fn csv_files_hold_the_same_rows_as_parquet_files() {
    let data = Dataset::shared();
    for table in &TABLES {
        let sql = checksum("*", table.name);
        let expected = data.duckdb().answer(&sql).unwrap();
        for form in [Form::Csv, Form::CsvGzip] {
            let actual = DuckDb::new().view(table.name, &read_csv(data, table, form)).answer(&sql).unwrap();
            assert_same(&expected, &actual, Order::Any, &format!("{} as {}", table.name, form.name()));
        }
    }
}

#[test]
fn all_answers_are_there() {
    let data = Dataset::shared();
    let rows: Vec<_> = (1..=22).map(|number| data.answer(TpchQuery::get(number)).unwrap().rows.len()).collect();
    assert_eq!(rows[0], 4, "q01 has four groups at any scale");
    assert!(rows.iter().all(|rows| *rows > 0), "an empty answer proves little: {rows:?}");
}

/// Equal for equal bags of rows.
fn checksum(columns: &str, table: &str) -> String {
    format!("SELECT count(*), sum(hash(r)) FROM (SELECT {columns} FROM {table}) r")
}

fn read_csv(data: &Dataset, table: &TpchTable, form: Form) -> String {
    let schema = table.schema();
    let types = schema.fields().iter().map(|f| format!("'{}': '{}'", f.name(), duckdb_type(f.data_type())));
    let types = types.collect::<Vec<_>>().join(", ");
    format!("read_csv('{}/*', header = true, columns = {{{types}}})", data.table_dir(form, table.name).display())
}

fn duckdb_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Int64 => "BIGINT".into(),
        DataType::Int32 => "INTEGER".into(),
        DataType::Date32 => "DATE".into(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        _ => "VARCHAR".into(),
    }
}
