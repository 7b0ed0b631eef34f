//! The step between the two levels of a wide shuffle: the outputs of several producers become one, partition by partition.

use std::sync::Arc;

use datafusion::execution::TaskContext;
use futures::TryStreamExt as _;

use crate::error::Result;
use crate::exchange::{OutputWriter, Source, read_whole};
use crate::protocol::StageInput;

/// Rows read, and a writer that holds them all.
pub(super) async fn combine(
    inputs: Vec<StageInput>,
    source: &Source,
    context: &Arc<TaskContext>,
) -> Result<(u64, OutputWriter)> {
    let producers: Vec<_> = inputs.into_iter().flat_map(|stage| stage.tasks).map(Arc::new).collect();
    let partitions = producers.iter().map(|produced| produced.output.offsets.len() - 1).max().unwrap_or(0);
    let mut rows = 0;
    let mut writer = None;
    for produced in &producers {
        let mut batches = std::pin::pin!(read_whole(source, produced)?);
        while let Some((partition, batch)) = batches.try_next().await? {
            rows += batch.num_rows() as u64;
            let writer = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(OutputWriter::try_new(&batch.schema(), partitions, context)?),
            };
            writer.write(partition, batch)?;
        }
    }
    match writer {
        Some(writer) => Ok((rows, writer)),
        None => Ok((0, OutputWriter::try_new(&Arc::new(arrow::datatypes::Schema::empty()), partitions, context)?)),
    }
}
