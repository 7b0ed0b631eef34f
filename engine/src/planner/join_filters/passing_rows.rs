//! The rows that a filter lets through, for as long as it leaves out enough.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{BatchCoalescer, prep_null_mask_filter};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::BaselineMetrics;
use futures::{Stream, TryStreamExt};

/// After so many rows a filter is judged, once.
const TRIAL_ROWS: usize = 64 * 1024;

pub(super) struct PassingRows {
    input: SendableRecordBatchStream,
    /// `None` once it was not worth asking any more.
    filter: Option<Arc<dyn PhysicalExpr>>,
    trial: Trial,
    passed: BatchCoalescer,
    metrics: BaselineMetrics,
    ended: bool,
}

impl PassingRows {
    pub(super) fn new(
        input: SendableRecordBatchStream,
        filter: Arc<dyn PhysicalExpr>,
        batch_size: usize,
        metrics: BaselineMetrics,
    ) -> Self {
        // What is nearly a batch by itself is not copied to make it one.
        let passed =
            BatchCoalescer::new(input.schema(), batch_size).with_biggest_coalesce_batch_size(Some(batch_size / 2));
        Self { input, filter: Some(filter), trial: Trial::default(), passed, metrics, ended: false }
    }

    pub(super) fn batches(self) -> impl Stream<Item = Result<RecordBatch>> {
        futures::stream::try_unfold(self, |mut rows| async move {
            let next = rows.next().await?;
            Ok(next.map(|batch| {
                rows.metrics.record_output(batch.num_rows());
                (batch, rows)
            }))
        })
    }

    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.passed.next_completed_batch() {
                return Ok(Some(batch));
            }
            if self.ended {
                return Ok(None);
            }
            match self.input.try_next().await? {
                Some(batch) => self.take(batch)?,
                None => {
                    self.ended = true;
                    self.passed.finish_buffered_batch()?;
                }
            }
        }
    }

    fn take(&mut self, batch: RecordBatch) -> Result<()> {
        let time = self.metrics.elapsed_compute().clone();
        let _timer = time.timer();
        let Some(filter) = &self.filter else { return Ok(self.passed.push_batch(batch)?) };
        let Some(mask) = mask(filter.evaluate(&batch)?, batch.num_rows())? else {
            return Ok(self.passed.push_batch(batch)?);
        };
        self.trial.saw(&mask);
        if self.trial.failed() {
            self.filter = None;
        }
        Ok(self.passed.push_batch_with_filter(batch, &mask)?)
    }
}

/// Where the filter is true; `None` where it is so for every row, as it is until the join knows better.
fn mask(value: ColumnarValue, rows: usize) -> Result<Option<BooleanArray>> {
    if let ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))) = value {
        return Ok(None);
    }
    let array = value.into_array(rows)?;
    let mask = array.as_boolean();
    Ok(Some(if mask.null_count() > 0 { prep_null_mask_filter(mask) } else { mask.clone() }))
}

/// Whether a filter earns what it costs.
#[derive(Debug, Default)]
struct Trial {
    rows: usize,
    passed: usize,
}

impl Trial {
    fn saw(&mut self, mask: &BooleanArray) {
        if self.rows < TRIAL_ROWS {
            self.rows += mask.len();
            self.passed += mask.true_count();
        }
    }

    /// Three quarters passed: most operators take a row for what it costs to ask about four.
    fn failed(&self) -> bool {
        self.rows >= TRIAL_ROWS && self.passed > self.rows / 4 * 3
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::record_batch;
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::{BinaryExpr, Column, lit};
    use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

    use super::*;

    fn numbers(first: i64, rows: i64) -> RecordBatch {
        let numbers = arrow::array::Int64Array::from_iter_values(first..first + rows);
        RecordBatch::try_from_iter([("n", Arc::new(numbers) as _)]).unwrap()
    }

    fn filtered(batches: Vec<RecordBatch>, filter: Arc<dyn PhysicalExpr>) -> PassingRows {
        let input =
            RecordBatchStreamAdapter::new(batches[0].schema(), futures::stream::iter(batches.into_iter().map(Ok)));
        PassingRows::new(Box::pin(input), filter, 8192, BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0))
    }

    fn n(op: Operator, than: i64) -> Arc<dyn PhysicalExpr> {
        Arc::new(BinaryExpr::new(Arc::new(Column::new("n", 0)), op, lit(than)))
    }

    async fn sizes(rows: PassingRows) -> Vec<usize> {
        rows.batches().map_ok(|batch| batch.num_rows()).try_collect().await.unwrap()
    }

    #[tokio::test]
    async fn few_rows_of_many_batches_become_one_batch() {
        let batches = (0..10).map(|nth| numbers(nth * 8192, 8192)).collect();
        assert_eq!(sizes(filtered(batches, n(Operator::GtEq, 81_918))).await, [2]);
    }

    #[tokio::test]
    async fn a_filter_that_leaves_out_few_is_not_asked_for_long() {
        let batches = (0..20).map(|nth| numbers(nth * 8192, 8192)).collect();
        let mut rows = filtered(batches, n(Operator::GtEq, 100));
        let mut passed = 0;
        while let Some(batch) = rows.next().await.unwrap() {
            passed += batch.num_rows();
        }
        assert_eq!((passed, rows.filter.is_none(), rows.trial.rows), (20 * 8192 - 100, true, TRIAL_ROWS));
    }

    #[tokio::test]
    async fn nulls_do_not_pass_and_what_is_always_true_leaves_batches_as_they_are() {
        let batch = record_batch!(("n", Int64, [Some(1), None, Some(3)])).unwrap();
        assert_eq!(sizes(filtered(vec![batch.clone()], n(Operator::Gt, 0))).await, [2]);
        assert_eq!(sizes(filtered(vec![batch], lit(true))).await, [3]);
    }
}
