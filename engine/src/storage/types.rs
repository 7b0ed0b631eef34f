//! Which types of a file's column a table's column can be read from, and the type that holds two others.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

/// The type without its encoding: views, large offsets and dictionaries are ways to lie in memory, not types.
pub fn plain(data_type: &DataType) -> DataType {
    let plain_field = |field: &FieldRef| Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type())));
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => {
            DataType::List(Arc::new(Field::new_list_field(plain(item.data_type()), true)))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    }
}

/// The plain type that holds every value of both, `None` where there is none.
///
/// Integers widen to integers, to decimals that hold their digits, and to `Float64` (pandas writes an integer column with
/// gaps as floats; past 2^53 neighbours fall together). Decimals keep all digits of both. Dates widen to timestamps,
/// timestamps to the finer unit. Text without its annotation (binary) is text. Structs unite their fields by name.
pub fn wider(a: &DataType, b: &DataType) -> Option<DataType> {
    let (a, b) = (plain(a), plain(b));
    if a == b {
        return Some(a);
    }
    wider_plain(&a, &b).or_else(|| wider_plain(&b, &a))
}

fn wider_plain(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{
        Binary, Date32, Date64, FixedSizeBinary, Float16, Float32, Float64, List, Map, Null, Struct, Timestamp, Utf8,
    };
    match (a, b) {
        (Null, other) => Some(other.clone()),
        (a, b) if a.is_integer() && b.is_integer() => wider_integer(a, b),
        (a, Float16 | Float32 | Float64) if a.is_integer() => Some(Float64),
        (a, DataType::Decimal128(precision, scale)) if a.is_integer() => decimal((digits(a)?, 0), (*precision, *scale)),
        (Float16, Float32) => Some(Float32),
        (Float16 | Float32, Float64) => Some(Float64),
        (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) => decimal((*p1, *s1), (*p2, *s2)),
        (Date32, Date64) => Some(Date64),
        (Date32 | Date64, Timestamp(..)) => Some(b.clone()),
        (Timestamp(u1, None), Timestamp(u2, None)) => Some(Timestamp(finer(u1, u2), None)),
        (Timestamp(u1, Some(z1)), Timestamp(u2, Some(z2))) => {
            let zone = if z1 == z2 { Arc::clone(z1) } else { "UTC".into() };
            Some(Timestamp(finer(u1, u2), Some(zone)))
        }
        (Binary, Utf8) => Some(Utf8),
        (FixedSizeBinary(_), Binary | FixedSizeBinary(_)) => Some(Binary),
        (List(x), List(y)) => {
            let item = wider(x.data_type(), y.data_type())?;
            Some(List(Arc::new(Field::new_list_field(item, true))))
        }
        (Struct(x), Struct(y)) => united(x, y).map(Struct),
        (Map(x, sorted), Map(y, _)) => {
            let entries = wider(x.data_type(), y.data_type())?;
            Some(Map(Arc::new(x.as_ref().clone().with_data_type(entries)), *sorted))
        }
        _ => None,
    }
}

/// Whether every value of a file's type is read as the table's type without a silent change: it either keeps its meaning or
/// fails by name (an integer that does not fit a narrower one). Text is not read as a number, nor a fraction rounded.
pub fn can_read(file: &DataType, table: &DataType) -> bool {
    let (file, table) = (plain(file), plain(table));
    if file == table || wider(&file, &table).as_ref() == Some(&table) {
        return true;
    }
    use DataType::{Binary, Boolean, Date32, Date64, Decimal128, FixedSizeBinary, List, Map, Struct, Timestamp, Utf8};
    match (&file, &table) {
        (a, b) if a.is_integer() && b.is_integer() => true,
        (a, Decimal128(..)) if a.is_integer() => true,
        (Decimal128(_, from), Decimal128(_, to)) => from <= to,
        (a, Utf8) if a.is_integer() || matches!(a, Boolean | Date32) => true,
        (Utf8, Binary) | (Date64, Date32) | (FixedSizeBinary(_), Binary) => true,
        // A declared timestamp is in microseconds; writers store nanoseconds. Zones say how to show an instant.
        (Timestamp(..), Timestamp(..)) => true,
        (List(from), List(to)) => can_read(from.data_type(), to.data_type()),
        (Map(from, _), Map(to, _)) => match (from.data_type(), to.data_type()) {
            // The names of the entries are the writer's own business.
            (Struct(from), Struct(to)) => {
                from.len() == to.len()
                    && from.iter().zip(to).all(|(from, to)| can_read(from.data_type(), to.data_type()))
            }
            _ => false,
        },
        (Struct(from), Struct(to)) => to.iter().all(|wanted| match from.find(wanted.name()) {
            Some((_, found)) => can_read(found.data_type(), wanted.data_type()),
            None => wanted.is_nullable(),
        }),
        _ => false,
    }
}

fn wider_integer(a: &DataType, b: &DataType) -> Option<DataType> {
    let bits = |data_type: &DataType| data_type.primitive_width().unwrap_or(8) * 8;
    let signed = |bits| match bits {
        8 => Some(DataType::Int8),
        16 => Some(DataType::Int16),
        32 => Some(DataType::Int32),
        64 => Some(DataType::Int64),
        _ => None,
    };
    match (a.is_signed_integer(), b.is_signed_integer()) {
        (true, false) => signed(bits(a).max(bits(b) * 2)),
        (false, true) => signed(bits(b).max(bits(a) * 2)),
        _ => Some(if bits(a) >= bits(b) { a.clone() } else { b.clone() }),
    }
}

fn digits(integer: &DataType) -> Option<u8> {
    Some(match integer.primitive_width()? {
        1 => 3,
        2 => 5,
        4 => 10,
        _ => 20,
    })
}

fn decimal((p1, s1): (u8, i8), (p2, s2): (u8, i8)) -> Option<DataType> {
    let scale = s1.max(s2);
    let whole = (i16::from(p1) - i16::from(s1)).max(i16::from(p2) - i16::from(s2));
    let precision = u8::try_from(whole + i16::from(scale)).ok()?;
    (precision <= 38).then_some(DataType::Decimal128(precision, scale))
}

fn finer(a: &TimeUnit, b: &TimeUnit) -> TimeUnit {
    *a.max(b)
}

fn united(a: &Fields, b: &Fields) -> Option<Fields> {
    let mut fields: Vec<FieldRef> = a.iter().cloned().collect();
    for field in b {
        match fields.iter_mut().find(|known| known.name() == field.name()) {
            Some(known) => {
                let data_type = wider(known.data_type(), field.data_type())?;
                let nullable = known.is_nullable() || field.is_nullable();
                *known = Arc::new(Field::new(known.name(), data_type, nullable));
            }
            None => fields.push(Arc::new(field.as_ref().clone().with_nullable(true))),
        }
    }
    Some(fields.into())
}

#[cfg(test)]
mod tests {
    use DataType::{
        Binary, Boolean, Date32, Decimal128, Float32, Float64, Int8, Int32, Int64, Timestamp, UInt32, UInt64, Utf8,
        Utf8View,
    };
    use TimeUnit::{Microsecond, Millisecond, Nanosecond};

    use super::*;

    #[test]
    fn two_types_widen_to_one_that_holds_both() {
        let cases = [
            (Int32, Int64, Some(Int64)),
            (Int8, UInt32, Some(Int64)),
            (UInt64, Int64, None),
            (Int64, Float32, Some(Float64)),
            (Float32, Float64, Some(Float64)),
            (Decimal128(10, 2), Decimal128(8, 4), Some(Decimal128(12, 4))),
            (Int32, Decimal128(5, 2), Some(Decimal128(12, 2))),
            (Decimal128(38, 0), Decimal128(38, 10), None),
            (Date32, Timestamp(Millisecond, None), Some(Timestamp(Millisecond, None))),
            (Timestamp(Millisecond, None), Timestamp(Nanosecond, None), Some(Timestamp(Nanosecond, None))),
            (Timestamp(Millisecond, None), Timestamp(Millisecond, Some("UTC".into())), None),
            (Utf8View, Binary, Some(Utf8)),
            (Utf8, Int64, None),
            (Boolean, Int64, None),
        ];
        for (a, b, expected) in cases {
            assert_eq!(wider(&a, &b), expected, "{a} {b}");
            assert_eq!(wider(&b, &a), expected, "{b} {a}");
        }
    }

    #[test]
    fn a_table_reads_what_does_not_change_silently() {
        let yes = [
            (Int32, Int64),
            (Int64, Int32),
            (Binary, Utf8View),
            (Int64, Utf8),
            (Decimal128(5, 2), Decimal128(12, 4)),
            (Timestamp(Nanosecond, None), Timestamp(Microsecond, None)),
            (DataType::Dictionary(Box::new(Int32), Box::new(Utf8)), Utf8View),
        ];
        let no = [
            (Utf8, Int64),
            (Float64, Float32),
            (Float64, Int64),
            (Decimal128(12, 4), Decimal128(12, 2)),
            (Timestamp(Microsecond, None), Date32),
            (Boolean, Int32),
        ];
        assert!(yes.iter().all(|(file, table)| can_read(file, table)));
        assert!(!no.iter().any(|(file, table)| can_read(file, table)));
    }

    #[test]
    fn structs_unite_by_name() {
        let a = DataType::Struct(vec![Field::new("x", Int32, true)].into());
        let b = DataType::Struct(vec![Field::new("y", Utf8, false), Field::new("x", Int64, true)].into());
        let both = DataType::Struct(vec![Field::new("x", Int64, true), Field::new("y", Utf8, true)].into());
        assert_eq!(wider(&a, &b), Some(both.clone()));
        assert!(can_read(&a, &both));
    }
}
