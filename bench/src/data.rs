//! TPC-H data for the benches.

use anyhow::Result;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::{LineItemArrow, RecordBatchIterator};

/// The columns of `lineitem` in Hive's words.
pub(crate) const LINEITEM: &str = "l_orderkey bigint, l_partkey bigint, l_suppkey bigint, l_linenumber int, \
    l_quantity decimal(15,2), l_extendedprice decimal(15,2), l_discount decimal(15,2), l_tax decimal(15,2), \
    l_returnflag string, l_linestatus string, l_shipdate date, l_commitdate date, l_receiptdate date, \
    l_shipinstruct string, l_shipmode string, l_comment string";

/// Writes `lineitem` as so many Parquet files below `prefix`; returns their bytes.
pub(crate) async fn put_lineitem(store: &dyn ObjectStore, prefix: &str, scale: f64, files: i32) -> Result<u64> {
    let mut bytes = 0;
    for file in 1..=files {
        let rows = LineItemArrow::new(LineItemGenerator::new(scale, file, files));
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema().clone(), None)?;
        for batch in rows {
            writer.write(&batch)?;
        }
        let object = writer.into_inner()?;
        bytes += object.len() as u64;
        store.put(&Path::from(format!("{prefix}/part-{file}.parquet")), object.into()).await?;
    }
    Ok(bytes)
}
