//! A suite's tables, kept under the target folder: as plain files, which the reference answers from, and as objects of the local S3.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arachne_sandbox::s3::{S3Server, S3Settings};
use arachne_tests::duckdb::DuckDb;
use arachne_tests::kept;
use arachne_tests::tpch::files_below;
use arrow::datatypes::DataType;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path as Key;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::job::{Format, JobTable};
use super::suite::{Query, Suite};
use crate::local_cloud::{self, BUCKET};

/// Where rows pass between stages of ours.
pub(crate) const EXCHANGE: &str = "exchange";

pub(crate) struct Dataset {
    suite: Suite,
    /// `tables/<name>/…` in Parquet, `answers/`.
    local: PathBuf,
    /// The folder of a local S3.
    pub(crate) s3_dir: PathBuf,
    pub(crate) tables: Vec<JobTable>,
    pub(crate) queries: Vec<Query>,
    /// Of everything that makes the data.
    pub(crate) recipe: String,
}

impl Dataset {
    /// Makes what is not there yet. Blocks; needs a runtime around it for the upload.
    pub(crate) fn make(suite: Suite, scale: &str, format: Format) -> Result<Self> {
        let factor: f64 = scale.parse().context("the scale is a number")?;
        let root = kept::target_dir().join("arachne-data/bench").join(format!("{}-{scale}", suite.name()));
        let local = kept::folder(root.join("local"), &suite.recipe(factor, Format::Parquet), |dir| {
            eprintln!("making {}", dir.display());
            fs::create_dir_all(dir.join("answers"))?;
            fs::create_dir_all(dir.join("tables"))?;
            suite.write(&dir.join("tables"), factor, Format::Parquet)
        })?;
        let prefix = format!("{}-{scale}/{}", suite.name(), format.name());
        let recipe = suite.recipe(factor, format);
        let s3_dir = kept::folder(root.join(format!("s3-{}", format.name())), &recipe, |dir| {
            eprintln!("making {}", dir.display());
            if format == Format::Parquet {
                return upload(dir, &local.join("tables"), &prefix);
            }
            let text = tempfile::tempdir_in(&root)?;
            suite.write(text.path(), factor, format)?;
            upload(dir, text.path(), &prefix)
        })?;
        let queries = suite.queries(&local.join("answers"))?;
        let tables = tables(suite, &local.join("tables"), format, &prefix)?;
        Ok(Self { suite, local, s3_dir, tables, queries, recipe })
    }

    /// DuckDB with the tables over the plain files.
    pub(crate) fn reference(&self) -> DuckDb {
        let with_table = |db: DuckDb, table: &JobTable| {
            let dir = self.local.join("tables").join(&table.name);
            if self.suite.partitions().is_empty() {
                return db.parquet(&table.name, &dir);
            }
            let types: Vec<_> = table.partitions.iter().map(|(name, of_type)| format!("'{name}': {of_type}")).collect();
            let files = format!("{}/*/*.parquet", dir.display());
            let hive = format!("hive_partitioning = true, hive_types = {{{}}}", types.join(", "));
            db.view(&table.name, &format!("read_parquet('{files}', {hive})"))
        };
        self.tables.iter().fold(DuckDb::new(), with_table)
    }

    /// Where the reference's answers are kept.
    pub(crate) fn answers_dir(&self) -> PathBuf {
        self.local.join("answers")
    }
}

/// Puts all files below `from` under a prefix of a local S3 in `dir`.
fn upload(dir: &Path, from: &Path, prefix: &str) -> Result<()> {
    tokio::runtime::Handle::current().block_on(async {
        let buckets = [BUCKET, EXCHANGE].map(str::to_owned).into();
        let s3 = S3Server::start(S3Settings { buckets, ..S3Settings::new(dir) }).await?;
        let store = local_cloud::bucket(&s3)?;
        let put = |(name, path): (String, PathBuf)| {
            let store = Arc::clone(&store);
            async move {
                let bytes = tokio::fs::read(path).await?;
                store.put(&Key::parse(format!("{prefix}/{name}"))?, bytes.into()).await.context(name)?;
                anyhow::Ok(())
            }
        };
        stream::iter(files_below(from)?).map(put).buffer_unordered(4).try_collect::<Vec<_>>().await?;
        s3.shutdown().await;
        Ok(())
    })
}

fn tables(suite: Suite, dir: &Path, format: Format, prefix: &str) -> Result<Vec<JobTable>> {
    let mut tables = Vec::new();
    for folder in fs::read_dir(dir)? {
        let folder = folder?;
        let name = folder.file_name().to_string_lossy().into_owned();
        let files = files_below(&folder.path())?;
        let (_, first) = files.first().with_context(|| format!("no files of {name}"))?;
        let owned = |(name, of_type): &(&str, &str)| ((*name).to_owned(), (*of_type).to_owned());
        tables.push(JobTable {
            url: format!("s3://{BUCKET}/{prefix}/{name}/"),
            format,
            columns: columns(first)?,
            partitions: suite.partitions().iter().map(owned).collect(),
            name,
        });
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tables)
}

fn columns(file: &Path) -> Result<Vec<(String, String)>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file)?)?;
    let fields = reader.schema().fields().iter();
    fields.map(|field| Ok((field.name().clone(), duckdb_type(field.data_type())?))).collect()
}

fn duckdb_type(data_type: &DataType) -> Result<String> {
    Ok(match data_type {
        DataType::Int64 => "bigint".into(),
        DataType::Int32 => "integer".into(),
        DataType::Int16 => "smallint".into(),
        DataType::Float64 => "double".into(),
        DataType::Boolean => "boolean".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar".into(),
        DataType::Date32 => "date".into(),
        DataType::Timestamp(_, None) => "timestamp".into(),
        DataType::Decimal128(precision, scale) => format!("decimal({precision},{scale})"),
        other => bail!("no suite has a column of type {other}"),
    })
}
