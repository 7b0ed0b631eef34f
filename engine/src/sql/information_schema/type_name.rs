//! Types in the words of queries.

use arachne_catalog::{Column, HiveType};

/// As Athena's `information_schema` names the type of a column; as it was written down, if that is no type.
pub(super) fn type_name(column: &Column) -> String {
    HiveType::of(column).map_or_else(|_| column.data_type.clone(), |data_type| name_of(&data_type))
}

fn name_of(data_type: &HiveType) -> String {
    match data_type {
        HiveType::Int => "integer".to_owned(),
        HiveType::Float => "real".to_owned(),
        HiveType::String => "varchar".to_owned(),
        HiveType::Binary => "varbinary".to_owned(),
        HiveType::Timestamp => "timestamp(3)".to_owned(),
        HiveType::Instant => "timestamp(3) with time zone".to_owned(),
        HiveType::Array(item) => format!("array({})", name_of(item)),
        HiveType::Map(key, value) => format!("map({}, {})", name_of(key), name_of(value)),
        HiveType::Struct(fields) => {
            let fields = fields.iter().map(|(name, data_type)| format!("{name} {}", name_of(data_type)));
            format!("row({})", fields.collect::<Vec<_>>().join(", "))
        }
        HiveType::Boolean
        | HiveType::TinyInt
        | HiveType::SmallInt
        | HiveType::BigInt
        | HiveType::Double
        | HiveType::Decimal { .. }
        | HiveType::Char(_)
        | HiveType::Varchar(_)
        | HiveType::Date => data_type.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_queries() {
        for (hive, name) in [
            ("int", "integer"),
            ("string", "varchar"),
            ("varchar(3)", "varchar(3)"),
            ("decimal(10,2)", "decimal(10,2)"),
            ("timestamp", "timestamp(3)"),
            ("map<string,array<float>>", "map(varchar, array(real))"),
            ("struct<a:int,b:binary>", "row(a integer, b varbinary)"),
            ("moneys", "moneys"),
        ] {
            let column = Column { name: "c".to_owned(), data_type: hive.to_owned(), comment: None };
            assert_eq!(type_name(&column), name);
        }
    }
}
