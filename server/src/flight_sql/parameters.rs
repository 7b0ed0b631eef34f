//! Parameters as clients bind them: record batches, a column for each parameter, a row for each execution.

use arachne_engine::query::{Parameters, ScalarValue};
use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use prost::bytes::Bytes;
use tonic::Status;

use super::status::{Refusal, Result};

/// Bound parameters travel in tickets, to the client and back.
const MAX_BYTES: usize = 4 << 20;

/// The statement is executed for each row, in turn.
const MAX_ROWS: usize = 1000;

/// Reads what a client binds, as an Arrow IPC stream; None when it binds nothing.
///
/// # Errors
/// When it is too much, or no record batches.
pub(super) async fn read(
    messages: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
) -> Result<Option<Bytes>> {
    // A client without parameters sends its command and no schema.
    let messages = messages.map_err(FlightError::from).try_filter(|data| {
        let has_message = !data.data_header.is_empty();
        async move { has_message }
    });
    let mut batches = FlightRecordBatchStream::new_from_flight_data(messages);
    let mut writer: Option<StreamWriter<Vec<u8>>> = None;
    let mut rows = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        rows += batch.num_rows();
        if rows > MAX_ROWS {
            return Err(Refusal::invalid(format!("more than {MAX_ROWS} rows of parameters")));
        }
        let writer = match &mut writer {
            Some(writer) => writer,
            None => writer.insert(StreamWriter::try_new(Vec::new(), &batch.schema())?),
        };
        writer.write(&batch)?;
        if writer.get_ref().len() > MAX_BYTES {
            return Err(Refusal::invalid(format!("the parameters have more than {MAX_BYTES} bytes")));
        }
    }
    match writer {
        Some(writer) if rows > 0 => Ok(Some(writer.into_inner()?.into())),
        // A statement without parameters is bound to nothing by some clients.
        Some(_) | None => Ok(None),
    }
}

/// The rows of what was [`read`]; `names` are those of the statement's parameters, if they have any.
///
/// # Errors
/// When a value is of a type that SQL does not have. Whether they fit the statement is for the service to say.
pub(super) fn rows(bound: &[u8], names: &[String]) -> Result<Vec<Parameters>> {
    let mut rows = Vec::new();
    for batch in StreamReader::try_new(bound, None)? {
        let batch = batch?;
        for row in 0..batch.num_rows() {
            rows.push(row_of(&batch, row, names)?);
        }
    }
    Ok(rows)
}

/// By name where all columns have names of parameters, else in their order: most clients count.
fn row_of(batch: &RecordBatch, row: usize, names: &[String]) -> Result<Parameters> {
    let values = batch.columns().iter().map(|column| value(column, row)).collect::<Result<Vec<_>>>()?;
    let schema = batch.schema();
    let given: Vec<&str> = schema.fields().iter().map(|field| bare(field.name())).collect();
    let are_names = given.iter().all(|name| names.iter().any(|known| known == name));
    if !are_names {
        return Ok(Parameters::Positional(values));
    }
    Ok(Parameters::Named(given.into_iter().map(str::to_owned).zip(values).collect()))
}

/// The value, out of the union in which some clients wrap it.
fn value(column: &ArrayRef, row: usize) -> Result<ScalarValue> {
    match column.data_type() {
        DataType::Union(..) => value(&column.as_union().value(row), 0),
        _ => Ok(ScalarValue::try_from_array(column, row).map_err(arachne_engine::Error::from)?),
    }
}

/// The names of parameters, if the statement gives them names: `$name`, `:name`, but neither `?` nor `$1`.
pub(super) fn names(parameters: &[Field]) -> Vec<String> {
    let names: Vec<String> = parameters.iter().map(|field| bare(field.name()).to_owned()).collect();
    let is_number = |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if names.iter().all(|name| name.is_empty() || name == "?" || is_number(name)) { Vec::new() } else { names }
}

/// What clients are told of the parameters. One that may be of any type is announced as text, which every client can give.
pub(super) fn schema(parameters: &[Field]) -> Schema {
    let fields = parameters.iter().map(|field| match field.data_type() {
        DataType::Null => Field::new(field.name(), DataType::Utf8, true),
        _ => field.clone(),
    });
    Schema::new(fields.collect::<Vec<_>>())
}

fn bare(name: &str) -> &str {
    name.trim_start_matches(['$', ':', '@'])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray, UnionArray};
    use arrow::datatypes::UnionFields;
    use arrow_flight::encode::FlightDataEncoderBuilder;
    use futures::stream;

    use super::*;

    async fn bind(batches: Vec<RecordBatch>) -> Result<Option<Bytes>> {
        let messages = FlightDataEncoderBuilder::new().build(stream::iter(batches.into_iter().map(Ok)));
        read(messages.map_err(Status::from)).await
    }

    #[tokio::test]
    async fn rows_of_unions_are_rows_of_their_values() {
        let fields = UnionFields::try_new(
            vec![0, 1],
            vec![Field::new("string", DataType::Utf8, true), Field::new("int", DataType::Int64, true)],
        )
        .unwrap();
        let children: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(vec!["x"])), Arc::new(Int64Array::from(vec![Some(7), None]))];
        let union = UnionArray::try_new(fields, vec![1, 0, 1].into(), Some(vec![0, 0, 1].into()), children).unwrap();
        let batch = RecordBatch::try_from_iter([("param_0", Arc::new(union) as ArrayRef)]).unwrap();
        let bound = bind(vec![batch]).await.unwrap().unwrap();
        let expected = [ScalarValue::Int64(Some(7)), ScalarValue::Utf8(Some("x".to_owned())), ScalarValue::Int64(None)];
        assert_eq!(rows(&bound, &[]).unwrap(), expected.map(|value| Parameters::Positional(vec![value])));
    }

    #[tokio::test]
    async fn names_are_taken_by_name_and_counted_where_the_client_has_none() {
        let names = names(&[Field::new("$low", DataType::Int64, true), Field::new("$high", DataType::Null, true)]);
        assert_eq!(names, ["low", "high"]);
        let columns = |one, two| {
            let values: [ArrayRef; 2] = [Arc::new(Int64Array::from(vec![1])), Arc::new(Int64Array::from(vec![2]))];
            let [first, second] = values;
            RecordBatch::try_from_iter([(one, first), (two, second)]).unwrap()
        };
        let named = |values: [(&str, i64); 2]| {
            Parameters::Named(values.map(|(name, value)| (name.to_owned(), ScalarValue::Int64(Some(value)))).into())
        };
        let bound = bind(vec![columns("high", "low")]).await.unwrap().unwrap();
        assert_eq!(rows(&bound, &names).unwrap(), [named([("high", 1), ("low", 2)])]);
        let bound = bind(vec![columns("param_0", "param_1")]).await.unwrap().unwrap();
        let counted = [1, 2].map(|value| ScalarValue::Int64(Some(value)));
        assert_eq!(rows(&bound, &names).unwrap(), [Parameters::Positional(counted.into())]);
        assert!(super::names(&[Field::new("$1", DataType::Null, true)]).is_empty());
    }

    #[tokio::test]
    async fn too_many_rows_are_refused_and_none_are_nothing() {
        let column = |rows: i64| {
            let values = Int64Array::from_iter_values(0..rows);
            RecordBatch::try_from_iter([("0", Arc::new(values) as ArrayRef)]).unwrap()
        };
        assert!(bind(vec![column(600), column(600)]).await.is_err());
        assert_eq!(bind(vec![column(0)]).await.unwrap(), None);
        assert_eq!(bind(vec![]).await.unwrap(), None);
    }
}
