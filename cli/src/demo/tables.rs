//! The tables, declared as a user would.

use arachne_catalog::HiveType;

use super::data::{Form, Table};

pub(super) const PARQUET_DATABASE: &str = "tpch";
pub(super) const CSV_DATABASE: &str = "tpch_csv";

/// The statements that declare both databases. They replace what an earlier walk over the same folder left.
pub(super) fn statements() -> anyhow::Result<Vec<String>> {
    let mut statements = Vec::new();
    for (database, form, tables) in [
        (PARQUET_DATABASE, Form::Parquet, Table::ALL.as_slice()),
        (CSV_DATABASE, Form::CsvGzip, Table::AS_CSV.as_slice()),
    ] {
        statements.push(format!("CREATE DATABASE IF NOT EXISTS {database}"));
        for table in tables {
            statements.push(format!("DROP TABLE IF EXISTS {database}.{}", table.name()));
            statements.push(create(database, *table, form)?);
        }
    }
    Ok(statements)
}

/// `CREATE EXTERNAL TABLE` in Athena's Hive form.
fn create(database: &str, table: Table, form: Form) -> anyhow::Result<String> {
    let mut columns = Vec::new();
    for field in table.schema().fields() {
        columns.push(format!("  {} {}", field.name(), HiveType::from_arrow(field.data_type())?));
    }
    let stored = match form {
        Form::Parquet => "STORED AS PARQUET",
        Form::CsvGzip => "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'\nSTORED AS TEXTFILE",
    };
    let properties = match form {
        Form::Parquet => "",
        Form::CsvGzip => "\nTBLPROPERTIES ('skip.header.line.count'='1')",
    };
    let (name, columns, location) = (table.name(), columns.join(",\n"), form.location(table));
    Ok(format!("CREATE EXTERNAL TABLE {database}.{name} (\n{columns}\n)\n{stored}\nLOCATION '{location}'{properties}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ddl_is_athenas() {
        let sql = create("tpch_csv", Table::Orders, Form::CsvGzip).unwrap();
        assert!(sql.starts_with("CREATE EXTERNAL TABLE tpch_csv.orders (\n  o_orderkey bigint,\n  o_custkey bigint,\n  o_orderstatus string,\n  o_totalprice decimal(15,2),\n  o_orderdate date,"), "{sql}");
        assert!(
            sql.ends_with("LOCATION 's3://lake/tpch/csv/orders/'\nTBLPROPERTIES ('skip.header.line.count'='1')"),
            "{sql}"
        );
    }
}
