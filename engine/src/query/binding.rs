//! Puts values in the places that a statement leaves open, and types on those that have none yet.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use chrono::NaiveDate;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, Statement as PlannedStatement};
use datafusion::sql::parser;
use datafusion::sql::sqlparser::ast;

use super::request::Parameters;
use crate::error::{Error, ErrorCode, Result};
use crate::sql::Placeholders;

impl Placeholders {
    /// The values in the order of `$1`, `$2`, ...
    ///
    /// # Errors
    /// `InvalidArgument` where values are missing, or there are others than the statement has places for.
    pub(super) fn values(&self, given: &Parameters) -> Result<Vec<ScalarValue>> {
        match (self, given) {
            (Self::None, given) => self.refuse_values(given).map(|()| Vec::new()),
            (Self::Positional(count), Parameters::Positional(values)) if values.len() == *count => Ok(values.clone()),
            (Self::Positional(count), Parameters::None | Parameters::Positional(_)) => {
                Err(wrong(format!("the statement has {}, {} given", parameters(*count), were(given.len())))
                    .with_hint("give one value for each ?, or for each number up to the highest $n"))
            }
            (Self::Positional(_), Parameters::Named(_)) => {
                Err(wrong("the statement has parameters by place, and values were given by name")
                    .with_hint("write $name or :name in the statement, or give the values in their order"))
            }
            (Self::Named(names), Parameters::Named(values)) => by_name(names, values),
            // Most protocols know no names: the order is that in which names are first mentioned.
            (Self::Named(names), Parameters::Positional(values)) if values.len() == names.len() => Ok(values.clone()),
            (Self::Named(names), Parameters::None | Parameters::Positional(_)) => {
                let missing = names.iter().map(|name| format!("${name}")).collect::<Vec<_>>().join(", ");
                Err(wrong(format!("the statement has {}, {} given", parameters(names.len()), were(given.len())))
                    .with_hint(format!("give values for {missing}")))
            }
        }
    }

    /// # Errors
    /// `InvalidArgument` for any values, where none are wanted.
    pub(super) fn refuse_values(&self, given: &Parameters) -> Result<()> {
        if given.is_empty() {
            return Ok(());
        }
        Err(wrong(format!("the statement has no parameters, {} given", were(given.len())))
            .with_hint("write ?, $1, $name or :name where a value goes; definitions of tables take none"))
    }
}

fn by_name(names: &[String], values: &[(String, ScalarValue)]) -> Result<Vec<ScalarValue>> {
    let strip = |name: &String| name.trim_start_matches(['$', ':']).to_owned();
    if let Some((unknown, _)) = values.iter().find(|(name, _)| !names.contains(&strip(name))) {
        let known = names.iter().map(|name| format!("${name}")).collect::<Vec<_>>().join(", ");
        return Err(wrong(format!("the statement has no parameter ${}", strip(unknown)))
            .with_hint(format!("its parameters are {known}")));
    }
    let value =
        |name: &String| {
            let mut found = values.iter().filter(|(given, _)| strip(given) == *name).map(|(_, value)| value);
            match (found.next(), found.next()) {
                (Some(value), None) => Ok(value.clone()),
                (Some(_), Some(_)) => {
                    Err(wrong(format!("parameter ${name} is given twice")).with_hint("give one value for each name"))
                }
                (None, _) => Err(wrong(format!("parameter ${name} has no value"))
                    .with_hint("give a value for every name; NULL is one")),
            }
        };
    names.iter().map(value).collect()
}

/// A plan with the values in it. `plan` is the statement's own, if it could be made without knowing the values' types; parameters
/// among `either` may be dates or times.
pub(super) async fn bind(
    state: &SessionState,
    statement: parser::Statement,
    plan: Result<LogicalPlan, DataFusionError>,
    either: &HashSet<String>,
    values: Vec<ScalarValue>,
) -> Result<LogicalPlan, DataFusionError> {
    let inferred: Vec<Option<DataType>> = match &plan {
        Ok(plan) => {
            let types = types_of(plan);
            (1..=values.len()).map(|nth| types.get(&format!("${nth}")).cloned().flatten()).collect()
        }
        Err(_) => vec![None; values.len()],
    };
    let all_known = either.is_empty() && inferred.iter().all(Option::is_some);
    let given = values.into_iter().zip(&inferred).enumerate();
    let fitted = |(nth, (value, wanted)): (usize, (ScalarValue, &Option<DataType>))| {
        let wanted = match wanted {
            Some(_) if either.contains(&format!("${}", nth + 1)) => moment_of(&value),
            wanted => wanted.clone(),
        };
        fitted(nth, value, wanted.as_ref())
    };
    let values = given.map(fitted).collect::<Result<Vec<_>>>()?;
    match plan {
        Ok(plan) if all_known => plan.with_param_values(ParamValues::from(values)),
        plan => match typed(state, statement, &values).await {
            Some(typed) => typed?.with_param_values(ParamValues::from(values)),
            // There is no word in SQL for one of the types: then the plan is as good as it was.
            None => plan?.with_param_values(ParamValues::from(values)),
        },
    }
}

/// The types that the statement gives to its parameters. Where it gives one of them two, none is known of any.
pub(super) fn types_of(plan: &LogicalPlan) -> HashMap<String, Option<DataType>> {
    plan.get_parameter_types().unwrap_or_default()
}

/// The value as the type that the statement wants, where that can hold it; else as it is, where the planner can bring the two
/// together.
fn fitted(nth: usize, value: ScalarValue, wanted: Option<&DataType>) -> Result<ScalarValue> {
    let value = match value {
        ScalarValue::Dictionary(_, inner) => *inner,
        value => value,
    };
    let given = value.data_type();
    let Some(wanted) = wanted.filter(|wanted| **wanted != given && **wanted != DataType::Null) else {
        return Ok(value);
    };
    if given == DataType::Null {
        return Ok(ScalarValue::try_from(wanted)?);
    }
    if let Ok(cast) = value.cast_to(wanted)
        && cast.is_null() == value.is_null()
        && cast.cast_to(&given).is_ok_and(|back| back == value)
    {
        return Ok(cast);
    }
    let kinds = (kind(&given), kind(wanted));
    if kinds.0 == kinds.1 {
        return Ok(value);
    }
    // A time has many spellings: `2024-01-31 10:00`, `2024-01-31T10:00:00`.
    if matches!(wanted, DataType::Timestamp(..))
        && kinds.0 == Kind::Text
        && let Ok(cast) = value.cast_to(wanted)
        && !cast.is_null()
    {
        return Ok(cast);
    }
    // Without the value: it may be nobody's business.
    Err(wrong(format!("parameter ${} is a {given} that is no {wanted}, which the statement wants there", nth + 1))
        .with_hint("give a value of that type, or say CAST($n AS type) in the statement"))
}

/// What a value is to be taken for that may be a date or a time: itself, if it is no text.
fn moment_of(value: &ScalarValue) -> Option<DataType> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    if value.data_type() == DataType::Null {
        return Some(time);
    }
    let text = value.try_as_str()??;
    let is_date = text.parse::<NaiveDate>().is_ok();
    Some(if is_date { DataType::Date32 } else { time })
}

#[derive(PartialEq, Eq)]
enum Kind {
    Number,
    Text,
    Bytes,
    Time,
    Other,
}

fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Kind::Bytes,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Kind::Time,
        other if other.is_numeric() => Kind::Number,
        _ => Kind::Other,
    }
}

/// The statement planned with its parameters' types known from the start, as those of a `PREPARE`; `None` where SQL has no word for
/// one of the types.
async fn typed(
    state: &SessionState,
    statement: parser::Statement,
    values: &[ScalarValue],
) -> Option<Result<LogicalPlan, DataFusionError>> {
    let types = values.iter().map(|value| word_for(&value.data_type())).collect::<Option<Vec<_>>>()?;
    Some(prepared(state, statement, types).await)
}

/// Guesses, where a statement gives no types to its parameters: `? + ?`, `upper(?)`.
pub(super) async fn guessed(
    state: &SessionState,
    statement: &parser::Statement,
    parameters: usize,
) -> Option<LogicalPlan> {
    for guess in [DataType::Utf8, DataType::Float64, DataType::Int64] {
        let types = vec![word_for(&guess)?; parameters];
        if let Ok(plan) = prepared(state, statement.clone(), types).await {
            return Some(plan);
        }
    }
    None
}

async fn prepared(
    state: &SessionState,
    statement: parser::Statement,
    data_types: Vec<ast::DataType>,
) -> Result<LogicalPlan, DataFusionError> {
    let parser::Statement::Statement(query) = statement else { return state.statement_to_plan(statement).await };
    let name = ast::Ident::new("statement");
    let prepare = ast::Statement::Prepare { name, data_types, statement: query };
    match state.statement_to_plan(parser::Statement::Statement(Box::new(prepare))).await? {
        LogicalPlan::Statement(PlannedStatement::Prepare(prepare)) => Ok(Arc::unwrap_or_clone(prepare.input)),
        other => Ok(other),
    }
}

/// SQL's word for a type. `NULL` is a text: it fits everywhere.
fn word_for(data_type: &DataType) -> Option<ast::DataType> {
    use ast::DataType as Word;
    Some(match data_type {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Word::Varchar(None),
        DataType::Boolean => Word::Boolean,
        DataType::Int8 => Word::TinyInt(None),
        DataType::Int16 => Word::SmallInt(None),
        DataType::Int32 => Word::Integer(None),
        DataType::Int64 => Word::BigInt(None),
        DataType::UInt8 => Word::TinyIntUnsigned(None),
        DataType::UInt16 => Word::SmallIntUnsigned(None),
        DataType::UInt32 => Word::IntegerUnsigned(None),
        DataType::UInt64 => Word::BigIntUnsigned(None),
        DataType::Float16 | DataType::Float32 => Word::Real,
        DataType::Float64 => Word::DoublePrecision,
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) if *scale >= 0 => {
            Word::Decimal(ast::ExactNumberInfo::PrecisionAndScale(u64::from(*precision), i64::from(*scale)))
        }
        DataType::Date32 => Word::Date,
        DataType::Timestamp(unit, zone) => {
            let digits = match unit {
                TimeUnit::Second => 0,
                TimeUnit::Millisecond => 3,
                TimeUnit::Microsecond => 6,
                TimeUnit::Nanosecond => 9,
            };
            let zone = if zone.is_some() { ast::TimezoneInfo::Tz } else { ast::TimezoneInfo::None };
            Word::Timestamp(Some(digits), zone)
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Word::Bytea,
        _ => return None,
    })
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

fn parameters(count: usize) -> String {
    match count {
        1 => "1 parameter".to_owned(),
        count => format!("{count} parameters"),
    }
}

fn were(count: usize) -> String {
    match count {
        0 => "no values were".to_owned(),
        1 => "1 value was".to_owned(),
        count => format!("{count} values were"),
    }
}

/// The schema of a plan after types have been brought together, which is the one that its rows have.
pub(super) fn analysed_schema(state: &SessionState, plan: &LogicalPlan) -> Result<SchemaRef, DataFusionError> {
    let options = state.config_options();
    let analysed = state.analyzer().execute_and_check(plan.clone(), options, |_, _| {})?;
    Ok(Arc::clone(analysed.schema().inner()))
}
