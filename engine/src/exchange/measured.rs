//! The exchange by itself, in memory, for the bench: rows in by partition, an object out, rows out again.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::execution::TaskContext;
use futures::TryStreamExt as _;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use uuid::Uuid;

use super::{Destination, OutputWriter, Source, open_partitions};
use crate::error::{Error, Result};
use crate::protocol::{Attempt, ExchangeConfig, OutputPlacement, ProducedTask, RunId, TaskKey};

/// An exchange of one run, in memory.
#[derive(Debug)]
pub struct ExchangeTrial {
    run: RunId,
    config: ExchangeConfig,
    store: Arc<dyn ObjectStore>,
    context: Arc<TaskContext>,
}

impl Default for ExchangeTrial {
    fn default() -> Self {
        Self {
            run: RunId(Uuid::nil()),
            config: ExchangeConfig { url: "memory:///exchange/".to_owned() },
            store: Arc::new(InMemory::new()),
            context: Arc::new(TaskContext::default()),
        }
    }
}

impl ExchangeTrial {
    /// Writes the output of one task as an object. `rows` names the partition of each batch; there are `partitions` of them.
    ///
    /// # Errors
    /// When there are no rows at all, or they are not of one schema.
    pub async fn write(&self, partitions: usize, rows: &[(usize, RecordBatch)]) -> Result<Arc<ProducedTask>> {
        let (_, first) = rows.first().ok_or_else(|| Error::internal("an output without rows"))?;
        let mut writer = OutputWriter::try_new(&first.schema(), partitions, &self.context)?;
        for (partition, batch) in rows {
            writer.write(*partition, batch.clone())?;
        }
        let attempt = Attempt { task: TaskKey { stage: 1, task: 0 }, number: 0 };
        let destination = Destination {
            run: self.run,
            attempt,
            placement: OutputPlacement { inline_limit: 0 },
            exchange: Some(&self.config),
            store: Some(Arc::clone(&self.store)),
        };
        Ok(Arc::new(ProducedTask { attempt, output: writer.finish(destination).await? }))
    }

    /// Reads a partition as a consumer does; returns its rows.
    ///
    /// # Errors
    /// When the object has gone.
    pub async fn read(&self, produced: &Arc<ProducedTask>, partition: usize) -> Result<usize> {
        let exchange = Some((self.config.clone(), Arc::clone(&self.store)));
        let source = Source::new(self.run, exchange, self.context.memory_pool());
        let mut rows = 0;
        for mut stream in open_partitions(&source, produced, &[partition])? {
            while let Some(batch) = stream.try_next().await? {
                rows += batch.num_rows();
            }
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read() {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let trial = ExchangeTrial::default();
        let rows = [(0, batch.slice(0, 30)), (2, batch.slice(30, 70))];
        let produced = trial.write(3, &rows).await.unwrap();
        let mut read = Vec::new();
        for partition in 0..3 {
            read.push(trial.read(&produced, partition).await.unwrap());
        }
        assert_eq!(read, [30, 0, 70]);
    }
}
