//! What footers say in terms of Arrow, kept between queries.
//!
//! The footers themselves are in DataFusion's cache, by the version of their file. Columns and statistics of one are worked out again
//! when the cache has another footer for the file.

use std::sync::{Arc, Weak};

use arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use moka::sync::Cache;
use object_store::path::Path;
use parquet::file::metadata::ParquetMetaData;

use super::statistics::Certain;
use crate::error::Result;
use crate::storage::StoreUrl;

/// Columns of all files together, at about 500 bytes each.
const MOST_COLUMNS: u64 = 100_000;

/// A footer's columns and statistics, as the file has them.
#[derive(Debug)]
pub(super) struct FooterContents {
    pub(super) schema: SchemaRef,
    pub(super) statistics: Statistics,
    /// For each column, what of its statistics can be relied on.
    pub(super) certain: Vec<Certain>,
}

/// Those of the files that were asked for last.
#[derive(Debug)]
pub(super) struct KnownFooters(Cache<(StoreUrl, Path), Known>);

/// With the footer that they are of.
type Known = (Weak<ParquetMetaData>, Arc<FooterContents>);

impl Default for KnownFooters {
    fn default() -> Self {
        let weight = |_: &_, known: &Known| u32::try_from(known.1.schema.fields().len() + 1).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(MOST_COLUMNS).weigher(weight).build())
    }
}

impl FooterContents {
    /// `schema` is that of the footer.
    pub(super) fn try_new(footer: &ParquetMetaData, schema: SchemaRef) -> Result<Self> {
        let statistics = DFParquetMetadata::statistics_from_parquet_metadata(footer, &schema)?;
        let certain = schema.fields().iter().map(|field| Certain::of(footer, &schema, field.name())).collect();
        Ok(Self { schema, statistics, certain })
    }
}

impl KnownFooters {
    pub(super) fn get(&self, file: &(StoreUrl, Path), footer: &Arc<ParquetMetaData>) -> Option<Arc<FooterContents>> {
        let (of, contents) = self.0.get(file)?;
        // No other footer can have come to lie at its place: the weak reference keeps that.
        std::ptr::eq(of.as_ptr(), Arc::as_ptr(footer)).then_some(contents)
    }

    pub(super) fn put(&self, file: (StoreUrl, Path), footer: &Arc<ParquetMetaData>, contents: &Arc<FooterContents>) {
        self.0.insert(file, (Arc::downgrade(footer), Arc::clone(contents)));
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::record_batch;
    use bytes::Bytes;
    use parquet::file::metadata::ParquetMetaDataReader;

    use super::*;

    fn footer(ids: Vec<i64>) -> Arc<ParquetMetaData> {
        let mut bytes = Vec::new();
        let batch = record_batch!(("id", Int64, ids)).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        Arc::new(ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(bytes)).unwrap())
    }

    #[test]
    fn contents_serve_for_the_footer_that_they_were_made_of() {
        let known = KnownFooters::default();
        let file = (StoreUrl::new("s3", "b").unwrap(), Path::from("t/1.parquet"));
        let (first, second) = (footer(vec![1, 2]), footer(vec![1, 2]));
        let schema = record_batch!(("id", Int64, [1])).unwrap().schema();
        let contents = Arc::new(FooterContents::try_new(&first, schema).unwrap());
        assert!(known.get(&file, &first).is_none());
        known.put(file.clone(), &first, &contents);
        assert!(Arc::ptr_eq(&known.get(&file, &first).unwrap(), &contents));
        assert!(known.get(&file, &second).is_none(), "equal, and another footer nevertheless");
        drop(first);
        // Whatever is made now may lie where others lay, but not there.
        assert!((0..100).all(|_| known.get(&file, &footer(vec![3, 4])).is_none()));
    }
}
