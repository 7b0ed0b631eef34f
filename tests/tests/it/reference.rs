//! The measuring rod itself: the generated files are TPC-H, so that an agreement with DuckDB over them means something.

use arachne_tests::answer::{Order, assert_same};
use arachne_tests::duckdb::{self, View};
use arachne_tests::tpch::{Dataset, Form, QUERIES, TABLES, TpchQuery};

#[test]
fn every_query_has_an_answer_of_rows_or_is_known_to_be_empty() {
    let data = Dataset::shared();
    for query in &QUERIES {
        let answer = data.answer(query).unwrap();
        assert!(!answer.columns.is_empty(), "q{:02} has no columns", query.number);
    }
    assert_eq!(data.answer(TpchQuery::get(1)).unwrap().rows.len(), 4);
}

#[test]
fn csv_files_hold_the_same_rows_as_parquet_files() {
    let data = Dataset::shared();
    for table in &TABLES {
        let parquet = [View::parquet(table.name, &data.table_dir(Form::Parquet, table.name))];
        let types: Vec<_> = table
            .schema()
            .fields()
            .iter()
            .map(|f| format!("'{}': '{}'", f.name(), duckdb_type(f.data_type())))
            .collect();
        let sql = format!("SELECT count(*), sum(hash(t)) FROM {} t", table.name);
        let expected = duckdb::answer(&parquet, &sql).unwrap();
        for form in [Form::Csv, Form::CsvGzip] {
            let files = data.table_dir(form, table.name);
            let from = format!("read_csv('{}/*', header = true, columns = {{{}}})", files.display(), types.join(", "));
            let actual = duckdb::answer(&[View::of(table.name, &from)], &sql).unwrap();
            assert_same(&expected, &actual, Order::Any, &format!("{} as {}", table.name, form.name()));
        }
    }
}

fn duckdb_type(data_type: &arrow::datatypes::DataType) -> String {
    use arrow::datatypes::DataType as T;
    match data_type {
        T::Int64 => "BIGINT".into(),
        T::Int32 => "INTEGER".into(),
        T::Date32 => "DATE".into(),
        T::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        _ => "VARCHAR".into(),
    }
}
