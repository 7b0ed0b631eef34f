//! Hive types to Arrow types and back.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};

use super::{HiveType, in_column};
use crate::error::{CatalogError, CatalogErrorKind, Result};
use crate::model::Column;

impl HiveType {
    /// The type that the engine computes with. All fields are nullable: a lake promises nothing.
    ///
    /// Timestamps are in microseconds: years beyond 2262 occur in real data and nanoseconds cannot hold them.
    pub fn to_arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::TinyInt => DataType::Int8,
            Self::SmallInt => DataType::Int16,
            Self::Int => DataType::Int32,
            Self::BigInt => DataType::Int64,
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal { precision, scale } => DataType::Decimal128(*precision, i8::try_from(*scale).unwrap_or(0)),
            Self::String | Self::Char(_) | Self::Varchar(_) => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Binary => DataType::Binary,
            Self::Array(item) => DataType::List(Arc::new(Field::new_list_field(item.to_arrow(), true))),
            Self::Map(key, value) => {
                let entries = Fields::from(vec![
                    Field::new("key", key.to_arrow(), false),
                    Field::new("value", value.to_arrow(), true),
                ]);
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
            }
            Self::Struct(fields) => DataType::Struct(
                fields.iter().map(|(name, data_type)| Field::new(name, data_type.to_arrow(), true)).collect(),
            ),
        }
    }

    /// The narrowest Hive type that holds every value of an Arrow type, where there is one.
    pub fn from_arrow(data_type: &DataType) -> Result<Self> {
        Ok(match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 => Self::TinyInt,
            DataType::Int16 | DataType::UInt8 => Self::SmallInt,
            DataType::Int32 | DataType::UInt16 => Self::Int,
            DataType::Int64 | DataType::UInt32 => Self::BigInt,
            DataType::UInt64 => Self::Decimal { precision: 20, scale: 0 },
            DataType::Float16 | DataType::Float32 => Self::Float,
            DataType::Float64 => Self::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => {
                decimal(*precision, *scale).ok_or_else(|| no_type(data_type))?
            }
            // A column without one value has no type of its own; text reads it as nulls.
            DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::String,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Instant,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Binary
            }
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _) => Self::Array(Box::new(Self::from_arrow(item.data_type())?)),
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => Self::Map(
                    Box::new(Self::from_arrow(fields[0].data_type())?),
                    Box::new(Self::from_arrow(fields[1].data_type())?),
                ),
                _ => return Err(no_type(data_type)),
            },
            DataType::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| Ok((field.name().clone(), Self::from_arrow(field.data_type())?)))
                    .collect::<Result<_>>()?,
            ),
            DataType::Dictionary(_, value) => Self::from_arrow(value)?,
            DataType::RunEndEncoded(_, value) => Self::from_arrow(value.data_type())?,
            DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Duration(_)
            | DataType::Interval(_)
            | DataType::Union(..) => return Err(no_type(data_type)),
        })
    }
}

/// The Arrow field of a column; the error names the column.
pub fn field_of(column: &Column) -> Result<Field> {
    Ok(Field::new(&column.name, HiveType::of(column)?.to_arrow(), true))
}

/// The Arrow schema of columns, in their order.
pub fn schema_of<'a>(columns: impl IntoIterator<Item = &'a Column>) -> Result<Schema> {
    Ok(Schema::new(columns.into_iter().map(field_of).collect::<Result<Vec<_>>>()?))
}

/// The column of an Arrow field, its name in lower case; the error names the column.
pub fn column_of(field: &Field) -> Result<Column> {
    let data_type = HiveType::from_arrow(field.data_type()).map_err(|error| in_column(field.name(), error))?;
    Ok(Column { name: field.name().to_lowercase(), data_type: data_type.to_string(), comment: None })
}

fn decimal(precision: u8, scale: i8) -> Option<HiveType> {
    let scale = u8::try_from(scale).ok()?;
    (precision <= 38 && scale <= precision).then_some(HiveType::Decimal { precision, scale })
}

fn no_type(data_type: &DataType) -> CatalogError {
    CatalogError::new(CatalogErrorKind::NotSupported, format!("no Hive type holds Arrow's {data_type}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(data_type: &str) -> Column {
        Column { name: "price".to_owned(), data_type: data_type.to_owned(), comment: None }
    }

    #[test]
    fn a_bad_type_names_its_column() {
        let error = schema_of([&column("int"), &column("moneys")]).unwrap_err();
        assert_eq!(error.message, "column price: \"moneys\" is not a Hive type");
        let field = Field::new("Lap", DataType::Duration(TimeUnit::Second), true);
        assert!(column_of(&field).unwrap_err().message.starts_with("column Lap: no Hive type holds"));
    }

    #[test]
    fn narrow_arrow_types_widen() {
        for (arrow, hive) in [
            (DataType::UInt8, "smallint"),
            (DataType::UInt64, "decimal(20,0)"),
            (DataType::Utf8View, "string"),
            (DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), "string"),
            (DataType::Timestamp(TimeUnit::Nanosecond, None), "timestamp"),
            (DataType::Decimal256(30, 4), "decimal(30,4)"),
        ] {
            assert_eq!(HiveType::from_arrow(&arrow).unwrap().to_string(), hive);
        }
        assert!(HiveType::from_arrow(&DataType::Decimal256(50, 4)).is_err());
        assert!(HiveType::from_arrow(&DataType::Decimal128(5, -2)).is_err());
    }

    /// Types that Arrow tells apart: `char` and `varchar` lose their length there.
    pub(crate) fn arrow_types() -> impl Strategy<Value = HiveType> {
        let scalar = prop_oneof![
            Just(HiveType::Boolean),
            Just(HiveType::Int),
            Just(HiveType::BigInt),
            Just(HiveType::Double),
            (1u8..=38)
                .prop_flat_map(|precision| (Just(precision), 0..=precision))
                .prop_map(|(precision, scale)| HiveType::Decimal { precision, scale }),
            Just(HiveType::String),
            Just(HiveType::Date),
            Just(HiveType::Timestamp),
            Just(HiveType::Instant),
            Just(HiveType::Binary),
        ];
        scalar.prop_recursive(4, 24, 4, |inner| {
            let name = "[a-z]{1,3}( [a-z`])?";
            prop_oneof![
                inner.clone().prop_map(|item| HiveType::Array(Box::new(item))),
                inner.clone().prop_map(|value| HiveType::Map(Box::new(HiveType::String), Box::new(value))),
                prop::collection::btree_map(name, inner, 1..4)
                    .prop_map(|fields| HiveType::Struct(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_type_survives_text_and_arrow(data_type in arrow_types()) {
            prop_assert_eq!(&HiveType::parse(&data_type.to_string()).unwrap(), &data_type);
            prop_assert_eq!(&HiveType::from_arrow(&data_type.to_arrow()).unwrap(), &data_type);
        }
    }
}
