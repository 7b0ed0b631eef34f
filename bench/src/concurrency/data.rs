//! The table: what a service logs in a day, one Parquet file a day in folders `day=…`.

use std::sync::Arc;

use anyhow::Result;
use arachne_sandbox::s3::S3Server;
use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::Options;
use crate::local_cloud;

/// The columns in Hive's words.
pub(super) const COLUMNS: &str =
    "at_ms bigint, service string, path string, status int, micros bigint, bytes bigint, user_id bigint";

pub(super) const SERVICES: i64 = 20;
pub(super) const PATHS: i64 = 500;
pub(super) const USERS: i64 = 10_000;
const MS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

pub(super) async fn put(s3: &S3Server, options: &Options) -> Result<()> {
    let store = local_cloud::bucket(s3)?;
    for day in 0..options.days {
        let path = Path::from(format!("logs/day={}/part-0.parquet", date(day)));
        store.put(&path, file(day, options)?.into()).await?;
    }
    Ok(())
}

fn file(day: usize, options: &Options) -> Result<Vec<u8>> {
    let mut rng = SmallRng::seed_from_u64(options.seed << 32 | day as u64);
    let rows = options.rows as i64;
    let mut column = |of: fn(&mut SmallRng) -> i64| -> Vec<i64> { (0..rows).map(|_| of(&mut rng)).collect() };
    let named = |prefix: &str, numbers: Vec<i64>| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(numbers.into_iter().map(|number| format!("{prefix}{number}"))))
    };
    let times = (0..rows).map(|row| day as i64 * MS_PER_DAY + row * MS_PER_DAY / rows);
    // Requests prefer some services and paths, as they do.
    let services = column(|rng| rng.random_range(0..SERVICES).min(rng.random_range(0..SERVICES)));
    let paths = column(|rng| rng.random_range(0..PATHS).min(rng.random_range(0..PATHS)));
    let statuses = column(|rng| if rng.random_range(0..50) == 0 { 500 } else { 200 });
    let columns: [(&str, ArrayRef); 7] = [
        ("at_ms", Arc::new(Int64Array::from_iter_values(times))),
        ("service", named("service-", services)),
        ("path", named("/v1/items/", paths)),
        ("status", Arc::new(Int32Array::from_iter_values(statuses.into_iter().map(|status| status as i32)))),
        ("micros", Arc::new(Int64Array::from(column(|rng| rng.random_range(100..1_000_000))))),
        ("bytes", Arc::new(Int64Array::from(column(|rng| rng.random_range(0..100_000))))),
        ("user_id", Arc::new(Int64Array::from(column(|rng| rng.random_range(0..USERS))))),
    ];
    let batch = RecordBatch::try_from_iter(columns)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    Ok(writer.into_inner()?)
}

/// So many days after the start of 2026, each month having 28.
pub(super) fn date(days: usize) -> String {
    format!("{}-{:02}-{:02}", 2026 + days / 336, days / 28 % 12 + 1, days % 28 + 1)
}
