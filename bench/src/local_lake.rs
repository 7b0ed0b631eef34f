//! Tables of very many small files in a folder of this machine, and a query service over them whose workers answer at once: what is
//! left to measure is the coordinator.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use arachne_catalog::{Catalog, MemoryCatalog};
use arachne_engine::access::Access;
use arachne_engine::invoker::{Bill, InvocationReply, InvokeError, WorkerInvoker};
use arachne_engine::protocol::{Attempt, Blob, TaskOutput, TaskResponse, TaskStats};
use arachne_engine::query::{Coordination, EngineSettings, NoObserver, PriceBook, QueryService, QueryServiceParts};
use arachne_engine::storage::ObjectStores;
use async_trait::async_trait;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use serde::Deserialize;
use tempfile::TempDir;
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::{LineItemArrow, RecordBatchIterator};

/// Names that one file can have on common file systems.
const LINKS_PER_FILE: usize = 30_000;

pub(crate) struct LocalLake {
    dir: TempDir,
    pub(crate) invoker: Arc<AnswersAtOnce>,
    pub(crate) service: QueryService,
}

impl LocalLake {
    pub(crate) fn set_up() -> Result<Self> {
        Self::with_catalog(Arc::new(MemoryCatalog::new()))
    }

    pub(crate) fn with_catalog(catalog: Arc<dyn Catalog>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let invoker = Arc::new(AnswersAtOnce::default());
        let parts = QueryServiceParts {
            catalog,
            stores: Arc::new(ObjectStores::new(Default::default())),
            invoker: Some(Arc::clone(&invoker) as _),
            settings: EngineSettings::default(),
            prices: PriceBook::built_in()?,
            clock: || 0,
            coordination: Coordination::default(),
            access: Access::default(),
            observer: Arc::new(NoObserver),
        };
        Ok(Self { invoker, service: QueryService::try_new(parts)?, dir })
    }

    /// A folder for what tasks would write.
    pub(crate) fn exchange(&self) -> String {
        format!("file://{}/exchange/", self.dir.path().display())
    }

    /// `lineitem` in so many files, each with the same few rows, in folders of `per_folder` files: `day=0/`, `day=1/`, …; 0 is one folder
    /// without a key. Returns the table's URL.
    pub(crate) fn put_files(&self, name: &str, files: usize, per_folder: usize) -> Result<String> {
        let root = self.dir.path().join(name);
        let object = small_lineitem()?;
        let mut original = PathBuf::new();
        for file in 0..files {
            let day = file.checked_div(per_folder);
            let folder = day.map_or_else(|| root.clone(), |day| root.join(format!("day={day}")));
            if file == 0 || (per_folder > 0 && file % per_folder == 0) {
                std::fs::create_dir_all(&folder)?;
            }
            let path = folder.join(format!("part-{file:07}.parquet"));
            if file % LINKS_PER_FILE == 0 {
                std::fs::write(&path, &object)?;
                original = path;
            } else {
                link(&original, &path)?;
            }
        }
        Ok(format!("file://{}/", root.display()))
    }
}

fn link(original: &Path, path: &Path) -> Result<()> {
    std::fs::hard_link(original, path).with_context(|| format!("{} cannot be linked", path.display()))
}

/// A few rows with all sixteen columns: the footer of a file is as large as that of a large one with one row group.
fn small_lineitem() -> Result<Vec<u8>> {
    let rows = LineItemArrow::new(LineItemGenerator::new(0.001, 1, 200));
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema().clone(), None)?;
    for batch in rows {
        writer.write(&batch)?;
    }
    Ok(writer.into_inner()?)
}

/// Has no rows for any task, and no time either.
#[derive(Debug, Default)]
pub(crate) struct AnswersAtOnce {
    asked: AtomicU64,
    bytes: AtomicU64,
}

/// All that is looked at of a request.
#[derive(Deserialize)]
struct Asked {
    attempt: Attempt,
}

impl AnswersAtOnce {
    /// Requests and their bytes since the last call.
    pub(crate) fn take(&self) -> (u64, u64) {
        (self.asked.swap(0, Ordering::Relaxed), self.bytes.swap(0, Ordering::Relaxed))
    }
}

#[async_trait]
impl WorkerInvoker for AnswersAtOnce {
    async fn invoke(&self, payload: Bytes) -> Result<InvocationReply, InvokeError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(payload.len() as u64, Ordering::Relaxed);
        let permanent =
            |error: serde_json::Error| InvokeError::Permanent { detail: error.to_string(), permission_denied: false };
        let Asked { attempt } = serde_json::from_slice(&payload).map_err(permanent)?;
        let output = TaskOutput { offsets: vec![0; 64], inline: Some(Blob::default()), copy: None, rows: 0 };
        let response = TaskResponse { attempt, result: Ok(output), stats: TaskStats::default() };
        let payload = serde_json::to_vec(&response).map_err(permanent)?.into();
        Ok(InvocationReply { payload, bill: Bill::default() })
    }
}
