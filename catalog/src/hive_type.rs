//! Hive's column types: the text in the catalog, and the Arrow type the engine computes with.

mod arrow;
mod parse;

use std::fmt;

use crate::error::{CatalogError, Result};
use crate::model::Column;

pub use arrow::{column_of, field_of, schema_of};

/// A type as Hive and Glue know it. `Display` gives Glue's spelling (`decimal(10,2)`, `struct<a:int>`), which parses back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HiveType {
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    Double,
    /// At most 38 digits, as in Hive.
    Decimal {
        precision: u8,
        scale: u8,
    },
    String,
    Char(u32),
    Varchar(u32),
    Date,
    Timestamp,
    /// `timestamp with local time zone`: an instant.
    Instant,
    Binary,
    Array(Box<HiveType>),
    Map(Box<HiveType>, Box<HiveType>),
    Struct(Vec<(String, HiveType)>),
}

impl HiveType {
    /// Reads a type's text, in any case and spacing, with Trino's names (`integer`, `varchar`, `real`, `varbinary`) understood too.
    pub fn parse(text: &str) -> Result<Self> {
        parse::parse(text)
    }

    /// The type of a column; the error names the column.
    pub fn of(column: &Column) -> Result<Self> {
        Self::parse(&column.data_type).map_err(|error| in_column(&column.name, error))
    }
}

impl fmt::Display for HiveType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::TinyInt => f.write_str("tinyint"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::String => f.write_str("string"),
            Self::Char(length) => write!(f, "char({length})"),
            Self::Varchar(length) => write!(f, "varchar({length})"),
            Self::Date => f.write_str("date"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Instant => f.write_str("timestamp with local time zone"),
            Self::Binary => f.write_str("binary"),
            Self::Array(item) => write!(f, "array<{item}>"),
            Self::Map(key, value) => write!(f, "map<{key},{value}>"),
            Self::Struct(fields) => {
                f.write_str("struct<")?;
                for (index, (name, data_type)) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    match parse::is_plain_name(name) {
                        true => write!(f, "{comma}{name}:{data_type}")?,
                        false => write!(f, "{comma}`{}`:{data_type}", name.replace('`', "``"))?,
                    }
                }
                f.write_str(">")
            }
        }
    }
}

fn in_column(name: &str, error: CatalogError) -> CatalogError {
    CatalogError { message: format!("column {name}: {}", error.message), ..error }
}
