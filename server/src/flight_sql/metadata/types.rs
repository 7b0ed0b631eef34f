//! GetXdbcTypeInfo: the types of columns, in the words of ODBC's SQLGetTypeInfo.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{CommandGetXdbcTypeInfo, Nullable, Searchable, XdbcDataType as Xdbc, XdbcDatetimeSubcode};

use crate::flight_sql::status::Result;

pub(super) fn schema() -> SchemaRef {
    XdbcTypeInfoDataBuilder::new().schema()
}

pub(super) fn rows(command: &CommandGetXdbcTypeInfo) -> Result<RecordBatch> {
    let mut types = XdbcTypeInfoDataBuilder::new();
    for info in all() {
        types.append(info);
    }
    Ok(types.build()?.record_batch(command.data_type)?)
}

/// Hive's scalar types; `struct`, `array` and `map` have no number there.
fn all() -> [XdbcTypeInfo; 12] {
    [
        other("boolean", Xdbc::XdbcBit, 1),
        integer("tinyint", Xdbc::XdbcTinyint, 3),
        integer("smallint", Xdbc::XdbcSmallint, 5),
        integer("int", Xdbc::XdbcInteger, 10),
        integer("bigint", Xdbc::XdbcBigint, 19),
        XdbcTypeInfo { num_prec_radix: Some(2), ..number("float", Xdbc::XdbcReal, 24) },
        XdbcTypeInfo { num_prec_radix: Some(2), ..number("double", Xdbc::XdbcDouble, 53) },
        XdbcTypeInfo {
            create_params: Some(vec!["precision".to_owned(), "scale".to_owned()]),
            minimum_scale: Some(0),
            maximum_scale: Some(38),
            ..number("decimal", Xdbc::XdbcDecimal, 38)
        },
        XdbcTypeInfo {
            case_sensitive: true,
            searchable: Searchable::Full,
            ..quoted("string", Xdbc::XdbcVarchar, i32::MAX)
        },
        XdbcTypeInfo { literal_prefix: Some("X'".to_owned()), ..quoted("binary", Xdbc::XdbcVarbinary, i32::MAX) },
        time("date", Xdbc::XdbcDate, 10, XdbcDatetimeSubcode::XdbcSubcodeYear, "DATE '"),
        XdbcTypeInfo {
            minimum_scale: Some(0),
            maximum_scale: Some(6),
            ..time("timestamp", Xdbc::XdbcTimestamp, 26, XdbcDatetimeSubcode::XdbcSubcodeTimestamp, "TIMESTAMP '")
        },
    ]
}

fn other(name: &str, data_type: Xdbc, size: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        type_name: name.to_owned(),
        local_type_name: Some(name.to_owned()),
        data_type,
        sql_data_type: data_type,
        column_size: Some(size),
        nullable: Nullable::NullabilityNullable,
        searchable: Searchable::Basic,
        ..XdbcTypeInfo::default()
    }
}

fn number(name: &str, data_type: Xdbc, digits: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        unsigned_attribute: Some(false),
        auto_increment: Some(false),
        num_prec_radix: Some(10),
        ..other(name, data_type, digits)
    }
}

fn integer(name: &str, data_type: Xdbc, digits: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        fixed_prec_scale: true,
        minimum_scale: Some(0),
        maximum_scale: Some(0),
        ..number(name, data_type, digits)
    }
}

fn quoted(name: &str, data_type: Xdbc, size: i32) -> XdbcTypeInfo {
    XdbcTypeInfo {
        literal_prefix: Some("'".to_owned()),
        literal_suffix: Some("'".to_owned()),
        ..other(name, data_type, size)
    }
}

/// ODBC numbers dates and times together and tells them apart by a code of their own.
fn time(name: &str, data_type: Xdbc, size: i32, subcode: XdbcDatetimeSubcode, prefix: &str) -> XdbcTypeInfo {
    XdbcTypeInfo {
        sql_data_type: Xdbc::XdbcDatetime,
        datetime_subcode: Some(subcode),
        literal_prefix: Some(prefix.to_owned()),
        ..quoted(name, data_type, size)
    }
}
