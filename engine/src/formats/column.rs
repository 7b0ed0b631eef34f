//! Arrow columns that grow by one text at a time.

use std::sync::Arc;

use arrow::array::builder::{
    ArrayBuilder, BinaryBuilder, BinaryViewBuilder, BooleanBuilder, LargeBinaryBuilder, LargeStringBuilder,
    NullBuilder, PrimitiveBuilder, StringBuilder, StringViewBuilder,
};
use arrow::array::timezone::Tz;
use arrow::array::types::{
    ArrowPrimitiveType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::array::{Array, ArrayRef};
use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::{DataType, TimeUnit};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::Utc;

use super::cell;
use super::options::TextOptions;

/// The text is not a value of the column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadText {
    NotUtf8,
    NotOfType,
}

/// A column under construction.
pub(super) trait TextColumn: Send {
    /// Appends the value of `text`, or nothing when it is bad.
    fn push(&mut self, text: &[u8]) -> Result<(), BadText>;
    fn push_null(&mut self);
    /// Hands out what was appended and starts again.
    fn finish(&mut self) -> ArrayRef;
}

/// A column of `data_type`; `None` for types that delimited text cannot hold.
pub(super) fn text_column(data_type: &DataType, options: &TextOptions, capacity: usize) -> Option<Box<dyn TextColumn>> {
    macro_rules! parsed {
        ($type:ty) => {
            parsed::<$type>(data_type, capacity, |text| <$type as Parser>::parse(str::from_utf8(text).ok()?))
        };
    }
    let epoch_times = options.epoch_times;
    Some(match data_type {
        DataType::Null => Box::new(Nulls(NullBuilder::new())),
        DataType::Boolean => Box::new(Booleans(BooleanBuilder::with_capacity(capacity))),
        DataType::Int8 => parsed!(Int8Type),
        DataType::Int16 => parsed!(Int16Type),
        DataType::Int32 => parsed!(Int32Type),
        DataType::Int64 => parsed!(Int64Type),
        DataType::UInt8 => parsed!(UInt8Type),
        DataType::UInt16 => parsed!(UInt16Type),
        DataType::UInt32 => parsed!(UInt32Type),
        DataType::UInt64 => parsed!(UInt64Type),
        DataType::Float32 => parsed!(Float32Type),
        DataType::Float64 => parsed!(Float64Type),
        &DataType::Decimal128(precision, scale) => {
            parsed::<Decimal128Type>(data_type, capacity, move |text| cell::decimal(text, precision, scale))
        }
        DataType::Date32 => parsed::<Date32Type>(data_type, capacity, move |text| cell::date(text, epoch_times)),
        DataType::Timestamp(unit, zone) => return timestamps(data_type, *unit, zone.as_deref(), epoch_times, capacity),
        DataType::Utf8 => Box::new(Strings(StringBuilder::with_capacity(capacity, capacity * 8))),
        DataType::LargeUtf8 => Box::new(Strings(LargeStringBuilder::with_capacity(capacity, capacity * 8))),
        DataType::Utf8View => Box::new(Strings(StringViewBuilder::with_capacity(capacity))),
        DataType::Binary => Box::new(Binaries(BinaryBuilder::new())),
        DataType::LargeBinary => Box::new(Binaries(LargeBinaryBuilder::new())),
        DataType::BinaryView => Box::new(Binaries(BinaryViewBuilder::new())),
        _ => return None,
    })
}

fn timestamps(
    data_type: &DataType,
    unit: TimeUnit,
    zone: Option<&str>,
    epoch_times: bool,
    capacity: usize,
) -> Option<Box<dyn TextColumn>> {
    let zone: Option<Tz> = match zone {
        Some(zone) => Some(zone.parse().ok()?),
        None => None,
    };
    let parse = move |text: &[u8]| {
        let text = str::from_utf8(text).ok()?;
        match &zone {
            Some(zone) => cell::timestamp(text, unit, zone, epoch_times),
            None => cell::timestamp(text, unit, &Utc, epoch_times),
        }
    };
    Some(match unit {
        TimeUnit::Second => parsed::<TimestampSecondType>(data_type, capacity, parse),
        TimeUnit::Millisecond => parsed::<TimestampMillisecondType>(data_type, capacity, parse),
        TimeUnit::Microsecond => parsed::<TimestampMicrosecondType>(data_type, capacity, parse),
        TimeUnit::Nanosecond => parsed::<TimestampNanosecondType>(data_type, capacity, parse),
    })
}

fn parsed<T: ArrowPrimitiveType>(
    data_type: &DataType,
    capacity: usize,
    parse: impl Fn(&[u8]) -> Option<T::Native> + Send + 'static,
) -> Box<dyn TextColumn> {
    let builder = PrimitiveBuilder::<T>::with_capacity(capacity).with_data_type(data_type.clone());
    Box::new(Parsed { builder, parse })
}

/// Numbers, dates and times. Space around the value does not count, and an empty text is NULL.
struct Parsed<T: ArrowPrimitiveType, F> {
    builder: PrimitiveBuilder<T>,
    parse: F,
}

impl<T: ArrowPrimitiveType, F: Fn(&[u8]) -> Option<T::Native> + Send> TextColumn for Parsed<T, F> {
    fn push(&mut self, text: &[u8]) -> Result<(), BadText> {
        match text.trim_ascii() {
            [] => self.builder.append_null(),
            text => self.builder.append_value((self.parse)(text).ok_or(BadText::NotOfType)?),
        }
        Ok(())
    }

    fn push_null(&mut self) {
        self.builder.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        ArrayBuilder::finish(&mut self.builder)
    }
}

struct Booleans(BooleanBuilder);

impl TextColumn for Booleans {
    fn push(&mut self, text: &[u8]) -> Result<(), BadText> {
        match text.trim_ascii() {
            [] => self.0.append_null(),
            text => self.0.append_value(cell::boolean(text).ok_or(BadText::NotOfType)?),
        }
        Ok(())
    }

    fn push_null(&mut self) {
        self.0.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// A column whose only values are NULL: any text but the empty one is bad.
struct Nulls(NullBuilder);

impl TextColumn for Nulls {
    fn push(&mut self, text: &[u8]) -> Result<(), BadText> {
        if !text.is_empty() {
            return Err(BadText::NotOfType);
        }
        self.push_null();
        Ok(())
    }

    fn push_null(&mut self) {
        self.0.append_null();
    }

    fn finish(&mut self) -> ArrayRef {
        Arc::new(self.0.finish())
    }
}

/// What the builders of strings and binaries have in common.
trait Append<V: ?Sized>: Send {
    fn value(&mut self, value: &V);
    fn null(&mut self);
    fn array(&mut self) -> ArrayRef;
}

macro_rules! append {
    ($value:ty: $($builder:ty),*) => {$(
        impl Append<$value> for $builder {
            fn value(&mut self, value: &$value) {
                self.append_value(value);
            }
            fn null(&mut self) {
                self.append_null();
            }
            fn array(&mut self) -> ArrayRef {
                Arc::new(self.finish()) as Arc<dyn Array>
            }
        }
    )*};
}
append!(str: StringBuilder, LargeStringBuilder, StringViewBuilder);
append!([u8]: BinaryBuilder, LargeBinaryBuilder, BinaryViewBuilder);

struct Strings<B>(B);

impl<B: Append<str>> TextColumn for Strings<B> {
    fn push(&mut self, text: &[u8]) -> Result<(), BadText> {
        self.0.value(std::str::from_utf8(text).map_err(|_| BadText::NotUtf8)?);
        Ok(())
    }

    fn push_null(&mut self) {
        self.0.null();
    }

    fn finish(&mut self) -> ArrayRef {
        self.0.array()
    }
}

/// Bytes, in Base64 as Hive writes them. An empty text is NULL.
struct Binaries<B>(B);

impl<B: Append<[u8]>> TextColumn for Binaries<B> {
    fn push(&mut self, text: &[u8]) -> Result<(), BadText> {
        match text.trim_ascii() {
            [] => self.0.null(),
            text => self.0.value(&BASE64_STANDARD.decode(text).map_err(|_| BadText::NotOfType)?),
        }
        Ok(())
    }

    fn push_null(&mut self) {
        self.0.null();
    }

    fn finish(&mut self) -> ArrayRef {
        self.0.array()
    }
}
