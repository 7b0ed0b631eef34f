//! How values become JSON, in every door and wherever text holds nested values.
//!
//! JSON has one kind of number, and most readers keep 53 bits of it. So that nothing is lost whoever reads, decimals are strings,
//! and so are 64-bit integers that a double cannot hold ([`Numbers::Exact`]). What JSON has no word for is a string too: `NaN`,
//! `Infinity`, `-Infinity`, dates and times (ISO 8601), bytes (hexadecimal). Maps are objects, whatever their keys are.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrowPrimitiveType, AsArray as _, MapArray, PrimitiveArray};
use arrow::datatypes::{DataType, FieldRef, Float16Type, Float32Type, Float64Type, Int64Type, UInt64Type};
use arrow::error::ArrowError;
use arrow::json::writer::{NullableEncoder, make_encoder};
use arrow::json::{Encoder, EncoderFactory, EncoderOptions};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::Deserialize;
use utoipa::ToSchema;

/// How 64-bit integers and decimals are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// Integers are numbers up to 2^53 - 1 on both sides of zero and strings beyond; decimals are strings.
    #[default]
    Exact,
    /// 64-bit integers and decimals are strings, so that a column has one type whatever is in it.
    String,
    /// Numbers with all their digits, for readers that keep them.
    Number,
}

/// The largest integer up to which a double holds every one.
const MAX_SAFE: u64 = (1 << 53) - 1;

static PLAIN: LazyLock<EncoderOptions> = LazyLock::new(|| EncoderOptions::default().with_explicit_nulls(true));

/// What [`make_encoder`] takes. NULLs inside of structs are written out, so that every object has every key.
pub(super) fn options(numbers: Numbers) -> EncoderOptions {
    PLAIN.clone().with_encoder_factory(Arc::new(Values { numbers }))
}

#[derive(Debug)]
struct Values {
    numbers: Numbers,
}

impl EncoderFactory for Values {
    fn make_default_encoder<'a>(
        &self,
        field: &'a FieldRef,
        array: &'a dyn Array,
        options: &'a EncoderOptions,
    ) -> Result<Option<NullableEncoder<'a>>, ArrowError> {
        let as_numbers = self.numbers == Numbers::Number;
        let encoder: Box<dyn Encoder + 'a> = match array.data_type() {
            DataType::Int64 if !as_numbers => {
                Box::new(Integers { array: array.as_primitive::<Int64Type>(), bare: self.bare(i64::unsigned_abs) })
            }
            DataType::UInt64 if !as_numbers => {
                Box::new(Integers { array: array.as_primitive::<UInt64Type>(), bare: self.bare(|value| value) })
            }
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..)
                if !as_numbers =>
            {
                Box::new(Quoted(ArrayFormatter::try_new(array, &FormatOptions::new())?))
            }
            DataType::Float16 => {
                let values = array.as_primitive::<Float16Type>();
                floats(move |row| f64::from(values.value(row)), field, array)?
            }
            DataType::Float32 => {
                let values = array.as_primitive::<Float32Type>();
                floats(move |row| f64::from(values.value(row)), field, array)?
            }
            DataType::Float64 => {
                let values = array.as_primitive::<Float64Type>();
                floats(move |row| values.value(row), field, array)?
            }
            DataType::Map(..) => Box::new(Maps::try_new(field, array.as_map(), options)?),
            _ => return Ok(None),
        };
        Ok(Some(NullableEncoder::new(encoder, array.nulls().cloned())))
    }
}

impl Values {
    /// Tells which integers are written without quotes.
    fn bare<T>(&self, magnitude: fn(T) -> u64) -> impl Fn(T) -> bool + use<T> {
        let limit = if self.numbers == Numbers::Exact { Some(MAX_SAFE) } else { None };
        move |value| limit.is_some_and(|limit| magnitude(value) <= limit)
    }
}

struct Integers<'a, T: ArrowPrimitiveType, B> {
    array: &'a PrimitiveArray<T>,
    bare: B,
}

impl<T: ArrowPrimitiveType<Native: std::fmt::Display>, B: Fn(T::Native) -> bool> Encoder for Integers<'_, T, B> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let value = self.array.value(row);
        // Writing to memory does not fail.
        let _ = if (self.bare)(value) { write!(out, "{value}") } else { write!(out, "\"{value}\"") };
    }
}

/// Digits and points only: nothing in it is ever escaped.
struct Quoted<'a>(ArrayFormatter<'a>);

impl Encoder for Quoted<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let _ = write!(out, "\"{}\"", self.0.value(row));
    }
}

struct Floats<'a, V> {
    value: V,
    finite: NullableEncoder<'a>,
}

fn floats<'a>(
    value: impl Fn(usize) -> f64 + 'a,
    field: &'a FieldRef,
    array: &'a dyn Array,
) -> Result<Box<dyn Encoder + 'a>, ArrowError> {
    Ok(Box::new(Floats { value, finite: make_encoder(field, array, &PLAIN)? }))
}

impl<V: Fn(usize) -> f64> Encoder for Floats<'_, V> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let value = (self.value)(row);
        let word = match value {
            _ if value.is_finite() => return self.finite.encode(row, out),
            _ if value.is_nan() => "\"NaN\"",
            _ if value > 0.0 => "\"Infinity\"",
            _ => "\"-Infinity\"",
        };
        out.extend_from_slice(word.as_bytes());
    }
}

struct Maps<'a> {
    array: &'a MapArray,
    keys: NullableEncoder<'a>,
    values: NullableEncoder<'a>,
    key: Vec<u8>,
}

impl<'a> Maps<'a> {
    fn try_new(field: &'a FieldRef, array: &'a MapArray, options: &'a EncoderOptions) -> Result<Self, ArrowError> {
        let keys = make_encoder(field, array.keys().as_ref(), options)?;
        let values = make_encoder(field, array.values().as_ref(), options)?;
        Ok(Self { array, keys, values, key: Vec::new() })
    }
}

impl Encoder for Maps<'_> {
    fn encode(&mut self, row: usize, out: &mut Vec<u8>) {
        let offsets = self.array.value_offsets();
        let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
        out.push(b'{');
        for entry in start..end {
            if entry > start {
                out.push(b',');
            }
            self.key.clear();
            self.keys.encode(entry, &mut self.key);
            if self.key.first() == Some(&b'"') {
                out.extend_from_slice(&self.key);
            } else {
                // 1 is the key "1", [1,"a"] is "[1,\"a\"]".
                let _ = serde_json::to_writer(&mut *out, &String::from_utf8_lossy(&self.key));
            }
            out.push(b':');
            if self.values.is_null(entry) {
                out.extend_from_slice(b"null");
            } else {
                self.values.encode(entry, out);
            }
        }
        out.push(b'}');
    }
}
