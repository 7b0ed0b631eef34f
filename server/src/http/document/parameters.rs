//! Values for what a statement leaves open.

use std::sync::Arc;

use arachne_catalog::HiveType;
use arachne_engine::query::{Parameters, ScalarValue};
use arachne_engine::{Error, ErrorCode};
use arrow::datatypes::Field;
use arrow::json::ReaderBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// All values: an array for `?` and `$1`, an object for `$name` and `:name`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParametersDocument(pub Value);

/// One value: NULL, a boolean, a number (64-bit integer or double), a text, or one of any type as [`TypedValue`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ParameterDocument(pub Value);

/// A value of a given type.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TypedValue {
    /// In Hive's words: `bigint`, `decimal(10,2)`, `date`, `timestamp`, `array<string>`.
    #[serde(rename = "type")]
    #[schema(example = "decimal(10,2)")]
    pub data_type: String,
    /// Numbers also as strings, dates and times in ISO 8601, binary in hexadecimal.
    #[schema(value_type = Value, example = "1.50")]
    pub value: Value,
}

impl ParametersDocument {
    /// # Errors
    /// `InvalidArgument` for a value that is not of its type, with its number or name.
    pub(in crate::http) fn parse(self) -> Result<Parameters, Error> {
        match self.0 {
            Value::Null => Ok(Parameters::None),
            Value::Array(values) => {
                let values = values.into_iter().enumerate();
                let values = values.map(|(index, value)| scalar(value, &format!("{}", index + 1)));
                Ok(Parameters::Positional(values.collect::<Result<_, _>>()?))
            }
            Value::Object(values) => {
                let values = values.into_iter().map(|(name, value)| {
                    let value = scalar(value, &format!("'{name}'"))?;
                    Ok::<_, Error>((name, value))
                });
                Ok(Parameters::Named(values.collect::<Result<_, _>>()?))
            }
            _ => Err(invalid("parameters are an array of values, or an object with a value for each name")),
        }
    }
}

/// `which` is the number or the name of the parameter.
fn scalar(value: Value, which: &str) -> Result<ScalarValue, Error> {
    Ok(match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => ScalarValue::Boolean(Some(value)),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => ScalarValue::Int64(Some(value)),
            (None, Some(value)) => ScalarValue::UInt64(Some(value)),
            (None, None) => ScalarValue::Float64(number.as_f64()),
        },
        Value::String(text) => ScalarValue::Utf8(Some(text)),
        Value::Array(_) => {
            return Err(invalid(format!("parameter {which} is an array without a type"))
                .with_hint("write it as {\"type\": \"array<int>\", \"value\": [1, 2]}"));
        }
        Value::Object(_) => {
            let TypedValue { data_type, value } = serde_json::from_value(value).map_err(|error| {
                invalid(format!("parameter {which} is not {{\"type\": ..., \"value\": ...}}: {error}"))
            })?;
            typed(&data_type, &value).map_err(|error| in_parameter(which, error))?
        }
    })
}

fn typed(data_type: &str, value: &Value) -> Result<ScalarValue, Error> {
    let hive = HiveType::parse(data_type).map_err(Error::from)?;
    check_digits(&hive, value)?;
    let data_type = hive.to_arrow();
    if value.is_null() {
        return Ok(ScalarValue::try_from(&data_type)?);
    }
    // The reader of JSON files, so that a value means the same in a parameter and in a table.
    let mut decoder = ReaderBuilder::new_with_field(Arc::new(Field::new("value", data_type, true))).build_decoder()?;
    decoder.serialize(std::slice::from_ref(value))?;
    let batch = decoder.flush()?.ok_or_else(|| invalid(format!("{value} is no {hive}")))?;
    Ok(ScalarValue::try_from_array(batch.column(0), 0)?)
}

/// The reader would cut digits off without a word.
fn check_digits(hive: &HiveType, value: &Value) -> Result<(), Error> {
    let HiveType::Decimal { scale, .. } = hive else { return Ok(()) };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len());
    if digits > usize::from(*scale) && !text.contains(['e', 'E']) {
        return Err(invalid(format!("{text} has more digits after the point than {hive}")));
    }
    Ok(())
}

fn in_parameter(which: &str, error: Error) -> Error {
    let message = format!("parameter {which}: {}", error.message);
    let code = if error.code == ErrorCode::NotSupported { error.code } else { ErrorCode::InvalidArgument };
    Error { code, message, position: None, hint: error.hint }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

impl PartialSchema for ParameterDocument {
    fn schema() -> RefOr<Schema> {
        let of = |data_type| ObjectBuilder::new().schema_type(data_type).build();
        OneOfBuilder::new()
            .description(Some("NULL, a boolean, a 64-bit integer or double, a text, or a value with its type"))
            .item(of(Type::Null))
            .item(of(Type::Boolean))
            .item(of(Type::Number))
            .item(of(Type::String))
            .item(utoipa::openapi::Ref::from_schema_name("TypedValue"))
            .into()
    }
}

impl ToSchema for ParameterDocument {
    fn name() -> std::borrow::Cow<'static, str> {
        "Parameter".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("TypedValue".to_owned(), TypedValue::schema()));
    }
}

impl PartialSchema for ParametersDocument {
    fn schema() -> RefOr<Schema> {
        let value = || utoipa::openapi::Ref::from_schema_name("Parameter");
        OneOfBuilder::new()
            .description(Some("An array for ? and $1, an object for $name and :name"))
            .item(ArrayBuilder::new().items(value()).build())
            .item(
                ObjectBuilder::new()
                    .schema_type(Type::Object)
                    .additional_properties(Some(AdditionalProperties::RefOr(RefOr::Ref(value()))))
                    .build(),
            )
            .into()
    }
}

impl ToSchema for ParametersDocument {
    fn name() -> std::borrow::Cow<'static, str> {
        "Parameters".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("Parameter".to_owned(), ParameterDocument::schema()));
        ParameterDocument::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_values_have_the_type_that_json_gives_them() {
        let values = json!([null, true, -1, 18_446_744_073_709_551_615_u64, 0.5, "x"]);
        let expected = [
            ScalarValue::Null,
            ScalarValue::Boolean(Some(true)),
            ScalarValue::Int64(Some(-1)),
            ScalarValue::UInt64(Some(u64::MAX)),
            ScalarValue::Float64(Some(0.5)),
            ScalarValue::from("x"),
        ];
        assert_eq!(ParametersDocument(values).parse().unwrap(), Parameters::Positional(expected.to_vec()));
        let named = ParametersDocument(json!({"a": 1})).parse().unwrap();
        assert_eq!(named, Parameters::Named(vec![("a".to_owned(), ScalarValue::Int64(Some(1)))]));
    }

    #[test]
    fn typed_values_have_the_type_that_they_say() {
        let parse = |data_type: &str, value: Value| {
            scalar(json!({"type": data_type, "value": value}), "1").map(|value| value.to_string())
        };
        assert_eq!(typed("decimal(10,2)", &json!("1.50")).unwrap(), ScalarValue::Decimal128(Some(150), 10, 2));
        assert_eq!(
            typed("decimal(38,0)", &json!("12345678901234567890123")).unwrap().to_string(),
            "12345678901234567890123"
        );
        assert_eq!(typed("bigint", &json!("9223372036854775807")).unwrap(), ScalarValue::Int64(Some(i64::MAX)));
        assert_eq!(typed("date", &json!("1970-01-02")).unwrap(), ScalarValue::Date32(Some(1)));
        assert_eq!(typed("binary", &json!("01ff")).unwrap(), ScalarValue::Binary(Some(vec![1, 255])));
        assert_eq!(typed("int", &Value::Null).unwrap(), ScalarValue::Int32(None));
        assert_eq!(
            typed("timestamp", &json!("1970-01-01 00:00:01.5")).unwrap(),
            ScalarValue::TimestampMicrosecond(Some(1_500_000), None)
        );
        assert_eq!(parse("array<int>", json!([1, null])).unwrap(), "[1, ]");
    }

    #[test]
    fn what_is_not_of_its_type_is_named() {
        for (value, says) in [
            (json!([1, [2]]), "parameter 2 is an array"),
            (json!([{"type": "int", "value": "x"}]), "parameter 1"),
            (json!([{"type": "int"}]), "value"),
            (json!([{"type": "decimal(10,2)", "value": "1.505"}]), "more digits"),
            (json!([{"type": "decimal(3,2)", "value": "12345.5"}]), "parameter 1"),
            (json!({"day": {"type": "date", "value": "yesterday"}}), "parameter 'day'"),
            (json!([{"type": "intt", "value": 1}]), "Hive type"),
            (json!(7), "an array of values"),
        ] {
            let error = ParametersDocument(value.clone()).parse().unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidArgument, "{value}: {error}");
            assert!(error.message.contains(says), "{value}: {error}");
        }
    }
}
