//! Rows as Flight's messages: of the promised columns, in plain types, and of a size that every client takes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use futures::stream::{self, BoxStream, Stream, StreamExt as _, TryStreamExt as _};
use tonic::Status;

use super::caller::Deadline;
use super::status::{Refusal, Result};
use crate::format::to_wire;

/// Clients take messages of 4 MiB (Rust, C++ in places) or 16 MiB (Go); a single row that is larger cannot be cut.
const MESSAGE_BYTES: usize = 2 << 20;

/// The schema is sent first, also where no rows follow. At most one batch is held at a time; the next is asked for when the client
/// has taken this one. Ends with an error when the deadline passes.
pub(super) fn encode(
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch>> + Send + 'static,
    deadline: Deadline,
) -> BoxStream<'static, Result<FlightData, Status>> {
    let columns = Arc::clone(&schema);
    let messages = batches.map_ok(move |batch| {
        let columns = Arc::clone(&columns);
        stream::iter(slices(batch)).map(move |slice| declared(&slice, &columns))
    });
    let encoder = FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_max_flight_data_size(usize::MAX)
        .build(messages.try_flatten().map_err(FlightError::from));
    until(deadline, encoder.map_err(|error| Status::from(Refusal::from(error))).boxed())
}

fn until(
    deadline: Deadline,
    messages: BoxStream<'static, Result<FlightData, Status>>,
) -> BoxStream<'static, Result<FlightData, Status>> {
    let next = move |messages: Option<BoxStream<'static, Result<FlightData, Status>>>| async move {
        let mut messages = messages?;
        match deadline.within(messages.next()).await {
            Ok(Some(message)) => Some((message, Some(messages))),
            Ok(None) => None,
            // The rows are dropped with it, and their query stops.
            Err(exceeded) => Some((Err(exceeded.into()), None)),
        }
    };
    stream::unfold(Some(messages), next).boxed()
}

/// The rows under the promised columns.
fn declared(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    if batch.num_columns() != schema.fields().len() {
        let message =
            format!("the query gives {} columns, not the {} planned", batch.num_columns(), schema.fields().len());
        return Err(Refusal::new(arachne_engine::ErrorCode::Internal, message));
    }
    Ok(to_wire(batch, schema)?)
}

/// Halves until every part is small enough.
fn slices(batch: RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let mut left = if batch.num_rows() == 0 { Vec::new() } else { vec![batch] };
    std::iter::from_fn(move || {
        loop {
            let batch = left.pop()?;
            let rows = batch.num_rows();
            if rows <= 1 || bytes_of(&batch) <= MESSAGE_BYTES {
                return Some(batch);
            }
            let half = rows / 2;
            left.push(batch.slice(half, rows - half));
            left.push(batch.slice(0, half));
        }
    })
}

fn bytes_of(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(wire_bytes).sum()
}

/// What a slice of a column takes up in plain types, about.
fn wire_bytes(column: &ArrayRef) -> usize {
    let rows = column.len();
    // A view's lower half is the length of its value.
    let lengths =
        |views: &[u128]| views.iter().map(|view| usize::try_from(*view & 0xffff_ffff).unwrap_or(0)).sum::<usize>();
    let bits = rows.div_ceil(8);
    bits + match column.data_type() {
        DataType::Utf8View => rows * 4 + lengths(column.as_string_view().views()),
        DataType::BinaryView => rows * 4 + lengths(column.as_binary_view().views()),
        DataType::Utf8 => rows * 4 + span(column.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => rows * 4 + span(column.as_string::<i64>().value_offsets()),
        DataType::Binary => rows * 4 + span(column.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => rows * 4 + span(column.as_binary::<i64>().value_offsets()),
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            rows * 4 + part(list.values(), list.value_offsets())
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            rows * 4 + part(list.values(), list.value_offsets())
        }
        DataType::Map(..) => {
            let map = column.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            rows * 4 + part(&entries, map.value_offsets())
        }
        DataType::Struct(_) => column.as_struct().columns().iter().map(wire_bytes).sum(),
        DataType::Dictionary(..) => {
            let values = column.as_any_dictionary().values();
            rows * (wire_bytes(values) / values.len().max(1) + 1)
        }
        other => rows * other.primitive_width().unwrap_or(16),
    }
}

fn span<O: Copy + TryInto<usize>>(offsets: &[O]) -> usize {
    let at = |offset: Option<&O>| offset.and_then(|offset| (*offset).try_into().ok()).unwrap_or(0);
    at(offsets.last()) - at(offsets.first())
}

fn part<O: Copy + TryInto<usize>>(values: &ArrayRef, offsets: &[O]) -> usize {
    let first = offsets.first().and_then(|offset| (*offset).try_into().ok()).unwrap_or(0);
    wire_bytes(&values.slice(first, span(offsets)))
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::{Field, Schema};
    use arrow_flight::decode::FlightRecordBatchStream;

    use super::*;

    fn batch(lengths: impl IntoIterator<Item = usize>) -> RecordBatch {
        let texts: StringViewArray = lengths.into_iter().map(|length| Some("x".repeat(length))).collect();
        RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap()
    }

    #[test]
    fn one_large_row_among_small_ones_is_alone_in_its_message() {
        let lengths: Vec<usize> = (0..1000).map(|row| if row == 617 { 3 << 20 } else { 10 }).collect();
        let parts: Vec<_> = slices(batch(lengths)).collect();
        let sizes: Vec<_> = parts.iter().map(bytes_of).collect();
        assert_eq!(parts.iter().map(RecordBatch::num_rows).sum::<usize>(), 1000);
        assert_eq!(sizes.iter().filter(|size| **size > MESSAGE_BYTES).count(), 1, "{sizes:?}");
    }

    #[tokio::test]
    async fn rows_come_in_the_promised_types_and_nullability_and_small_messages() {
        let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, true)]));
        let batches = vec![Ok(batch(vec![1 << 20; 9])), Ok(batch([])), Ok(batch([5]))];
        let deadline = Deadline::none();
        let messages: Vec<FlightData> =
            encode(Arc::clone(&schema), stream::iter(batches), deadline).try_collect().await.unwrap();
        assert!(messages.iter().all(|message| message.data_body.len() <= MESSAGE_BYTES + 4096));
        let messages = stream::iter(messages.into_iter().map(Ok));
        let back: Vec<_> = FlightRecordBatchStream::new_from_flight_data(messages).try_collect().await.unwrap();
        assert_eq!(back.iter().map(RecordBatch::num_rows).sum::<usize>(), 10);
        assert!(back.iter().all(|batch| batch.schema() == schema));
    }

    #[tokio::test]
    async fn columns_that_were_not_promised_are_an_error() {
        let schema = Arc::new(Schema::empty());
        let numbers = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
        let messages = encode(schema, stream::iter([Ok(numbers)]), Deadline::none());
        assert!(messages.try_collect::<Vec<_>>().await.is_err());
    }
}
