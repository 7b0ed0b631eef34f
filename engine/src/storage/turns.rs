//! Many streams of a scan fetch at once, few decode.
//!
//! Fetching waits, so many streams do it at once. Decoding takes a processor, and memory for pages that were decompressed: with more
//! streams at it than there are cores all that is gained is memory touched for the first time, outside the processor's caches. So a
//! stream that has fetched the next row group waits for its turn before it decodes it.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileScanConfig, FileScanConfigBuilder, ParquetFileReaderFactory, ParquetSource,
};
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Streams of an output that decode at once: while one hands over its batch, another makes the next.
const TURNS: usize = 2;

/// The scan with turns for each of `outputs`: its stream `i` is read by output `i % outputs`.
///
/// Every output has turns of its own: while one of them is not read, the others go on. Other formats than Parquet take no turns.
pub(super) fn taking_turns(scan: FileScanConfig, outputs: usize) -> FileScanConfig {
    let source = scan.file_source().downcast_ref::<ParquetSource>();
    let Some((source, inner)) = source.and_then(|source| Some((source, source.parquet_file_reader_factory()?))) else {
        return scan;
    };
    let turns = (0..outputs).map(|_| Arc::new(Semaphore::new(TURNS))).collect();
    let factory = TurnTakingFactory { inner: Arc::clone(inner), turns };
    let source = source.clone().with_parquet_file_reader_factory(Arc::new(factory));
    FileScanConfigBuilder::from(scan).with_source(Arc::new(source)).build()
}

#[derive(Debug)]
struct TurnTakingFactory {
    inner: Arc<dyn ParquetFileReaderFactory>,
    turns: Vec<Arc<Semaphore>>,
}

impl ParquetFileReaderFactory for TurnTakingFactory {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> DataFusionResult<Box<dyn AsyncFileReader + Send>> {
        let inner = self.inner.create_reader(partition, file, metadata_size_hint, metrics)?;
        let turns = Arc::clone(&self.turns[partition % self.turns.len()]);
        Ok(Box::new(TurnTakingReader { inner, turns, turn: None }))
    }
}

/// Has its turn from when it hands out a row group until it is asked for the next one, or is dropped.
struct TurnTakingReader {
    inner: Box<dyn AsyncFileReader + Send>,
    turns: Arc<Semaphore>,
    turn: Option<OwnedSemaphorePermit>,
}

impl AsyncFileReader for TurnTakingReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        self.inner.get_bytes(range)
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        self.turn = None;
        async move {
            let bytes = self.inner.get_byte_ranges(ranges).await?;
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            self.turn = Some(turn.map_err(|error| ParquetError::External(Box::new(error)))?);
            Ok(bytes)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        self.inner.get_metadata(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has all bytes at hand.
    struct AtHand;

    impl AsyncFileReader for AtHand {
        fn get_bytes(&mut self, _: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
            async { Ok(Bytes::from_static(b"x")) }.boxed()
        }

        fn get_metadata<'a>(
            &'a mut self,
            _: Option<&'a ArrowReaderOptions>,
        ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
            async { Err(ParquetError::EOF("none".to_owned())) }.boxed()
        }
    }

    fn comes_at_once(reader: &mut TurnTakingReader) -> bool {
        reader.get_byte_ranges(vec![0..1, 5..6]).now_or_never().is_some_and(|bytes| bytes.unwrap().len() == 2)
    }

    #[test]
    fn a_stream_has_its_turn_until_it_fetches_again_or_ends() {
        let turns = Arc::new(Semaphore::new(1));
        let reader = || TurnTakingReader { inner: Box::new(AtHand), turns: Arc::clone(&turns), turn: None };
        let (mut first, mut second) = (reader(), reader());
        assert!(comes_at_once(&mut first));
        assert!(!comes_at_once(&mut second), "it is the first one's turn");
        assert!(comes_at_once(&mut first), "what fetches again gives up its turn before");
        assert!(second.get_bytes(0..1).now_or_never().is_some(), "footers need no turn");
        drop(first);
        assert!(comes_at_once(&mut second));
    }
}
