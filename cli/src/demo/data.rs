//! TPC-H, generated in this process and uploaded as Parquet and as gzip CSV.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::Context as _;
use arachne_engine::storage::ObjectStores;
use arachne_server::format::{DelimitedEncoder, ResultEncoder as _};
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{ObjectStoreExt as _, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as ParquetCompression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RecordBatchIterator, RegionArrow,
    SupplierArrow,
};
use url::Url;

use super::Scale;
use super::print::Steps;
use crate::local_cloud::LAKE_BUCKET;

const ROW_GROUP_ROWS: usize = 128 * 1024;
/// Larger scales get more files of the same size rather than larger files.
const SCALE_OF_ONE_SET_OF_FILES: f64 = 4.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Region,
    Nation,
    Supplier,
    Customer,
    Part,
    PartSupp,
    Orders,
    LineItem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Parquet,
    CsvGzip,
}

impl Table {
    pub(super) const ALL: [Self; 8] = [
        Self::LineItem,
        Self::Orders,
        Self::PartSupp,
        Self::Part,
        Self::Customer,
        Self::Supplier,
        Self::Nation,
        Self::Region,
    ];
    pub(super) const AS_CSV: [Self; 3] = [Self::LineItem, Self::Orders, Self::Customer];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Nation => "nation",
            Self::Supplier => "supplier",
            Self::Customer => "customer",
            Self::Part => "part",
            Self::PartSupp => "partsupp",
            Self::Orders => "orders",
            Self::LineItem => "lineitem",
        }
    }

    pub(super) fn schema(self) -> SchemaRef {
        SchemaRef::clone(self.rows(0.001, 1, 1).schema())
    }

    fn files(self, scale: f64) -> i32 {
        let sets = (scale / SCALE_OF_ONE_SET_OF_FILES).ceil().max(1.0) as i32;
        match self {
            Self::Region | Self::Nation | Self::Supplier => 1,
            Self::Customer | Self::Part | Self::PartSupp => 4 * sets,
            Self::Orders | Self::LineItem => 8 * sets,
        }
    }

    fn rows(self, scale: f64, file: i32, of: i32) -> Box<dyn RecordBatchIterator> {
        match self {
            Self::Region => Box::new(RegionArrow::new(RegionGenerator::new(scale, file, of))),
            Self::Nation => Box::new(NationArrow::new(NationGenerator::new(scale, file, of))),
            Self::Supplier => Box::new(SupplierArrow::new(SupplierGenerator::new(scale, file, of))),
            Self::Customer => Box::new(CustomerArrow::new(CustomerGenerator::new(scale, file, of))),
            Self::Part => Box::new(PartArrow::new(PartGenerator::new(scale, file, of))),
            Self::PartSupp => Box::new(PartSuppArrow::new(PartSuppGenerator::new(scale, file, of))),
            Self::Orders => Box::new(OrderArrow::new(OrderGenerator::new(scale, file, of))),
            Self::LineItem => Box::new(LineItemArrow::new(LineItemGenerator::new(scale, file, of))),
        }
    }
}

impl Form {
    pub(super) fn location(self, table: Table) -> String {
        format!("s3://{LAKE_BUCKET}/{}", self.folder(table))
    }

    fn folder(self, table: Table) -> String {
        let form = match self {
            Self::Parquet => "parquet",
            Self::CsvGzip => "csv",
        };
        format!("tpch/{form}/{}/", table.name())
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::CsvGzip => "csv.gz",
        }
    }
}

/// What was uploaded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Uploaded {
    pub(super) files: usize,
    pub(super) bytes: u64,
    /// Of the largest table, as Parquet.
    pub(super) lineitem_bytes: u64,
}

/// Generates and uploads every file, as many at once as there are cores.
pub(super) async fn upload(stores: &ObjectStores, scale: &Scale, steps: &Steps) -> anyhow::Result<Uploaded> {
    let bucket = Url::parse(&format!("s3://{LAKE_BUCKET}/"))?;
    let store = stores.get(&bucket)?;
    let factor = scale.factor;
    let all = Table::ALL
        .map(|table| (table, Form::Parquet))
        .into_iter()
        .chain(Table::AS_CSV.map(|table| (table, Form::CsvGzip)));
    let files: Vec<DataFile> = all
        .flat_map(|(table, form)| (1..=table.files(factor)).map(move |number| DataFile { table, form, number }))
        .collect();
    let progress = steps.start("generating and uploading", files.len());
    let at_once = std::thread::available_parallelism().map_or(2, usize::from);
    let uploads = stream::iter(files).map(|file| {
        let store = Arc::clone(&store);
        let progress = &progress;
        async move {
            let content = tokio::task::spawn_blocking(move || file.content(factor)).await??;
            let size = content.len() as u64;
            let path = object_store::path::Path::from(file.key());
            store.put(&path, PutPayload::from_bytes(content)).await.with_context(|| format!("cannot upload {path}"))?;
            progress.step();
            anyhow::Ok((file, size))
        }
    });
    let uploaded = uploads.buffer_unordered(at_once).try_fold(Uploaded::default(), |sum, (file, size)| async move {
        let lineitem = if (file.table, file.form) == (Table::LineItem, Form::Parquet) { size } else { 0 };
        Ok(Uploaded { files: sum.files + 1, bytes: sum.bytes + size, lineitem_bytes: sum.lineitem_bytes + lineitem })
    });
    let uploaded = uploaded.await?;
    progress.finish();
    Ok(uploaded)
}

#[derive(Debug, Clone, Copy)]
struct DataFile {
    table: Table,
    form: Form,
    /// From 1.
    number: i32,
}

impl DataFile {
    fn key(self) -> String {
        format!("{}part-{:03}.{}", self.form.folder(self.table), self.number, self.form.extension())
    }

    fn content(self, scale: f64) -> anyhow::Result<Bytes> {
        let rows = self.table.rows(scale, self.number, self.table.files(scale));
        match self.form {
            Form::Parquet => parquet(rows),
            Form::CsvGzip => csv_gzip(rows),
        }
    }
}

fn parquet(rows: Box<dyn RecordBatchIterator>) -> anyhow::Result<Bytes> {
    let properties = WriterProperties::builder()
        .set_compression(ParquetCompression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), SchemaRef::clone(rows.schema()), Some(properties))?;
    for batch in rows {
        writer.write(&batch)?;
    }
    Ok(writer.into_inner()?.into())
}

fn csv_gzip(rows: Box<dyn RecordBatchIterator>) -> anyhow::Result<Bytes> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    let mut encoder = DelimitedEncoder::csv();
    let mut text = Vec::new();
    encoder.begin(rows.schema(), &mut text)?;
    for batch in rows {
        encoder.batch(&batch, &mut text)?;
        file.write_all(&text)?;
        text.clear();
    }
    file.write_all(&text)?;
    Ok(file.finish()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_table_together_hold_every_row_once() {
        let keys = |of: i32| -> Vec<i64> {
            let files = (1..=of).flat_map(|file| Table::Orders.rows(0.001, file, of));
            let columns = files.map(|batch| batch.column(0).to_data().buffer::<i64>(0)[..batch.num_rows()].to_vec());
            columns.flatten().collect()
        };
        assert_eq!(keys(8), keys(1));
    }

    #[test]
    fn csv_has_a_header_and_every_row() {
        use std::io::Read as _;
        let bytes = csv_gzip(Table::Nation.rows(0.001, 1, 1)).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes.as_ref()).read_to_string(&mut text).unwrap();
        assert!(text.starts_with("n_nationkey,n_name,n_regionkey,n_comment\n0,ALGERIA,0,"), "{text}");
        assert_eq!(text.lines().count(), 26);
    }
}
