//! DataFusion sessions, set up for data in S3.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arachne_catalog::DEFAULT_DATABASE;
use chrono::{DateTime, Utc};
use datafusion::catalog::CatalogProvider;
use datafusion::config::ConfigOptions;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;

use super::date_differences::expr_planners;
use super::distributed::{CutSettings, distributable};
use super::handed_down_filters::physical_optimizer_rules;
use crate::error::Result;

/// The name under which the lake's databases are found; `database.table` is enough in SQL.
pub(crate) const CATALOG: &str = "awsdatacatalog";

/// What one query's session is made of.
pub(crate) struct SessionParts {
    pub(crate) runtime: Arc<RuntimeEnv>,
    pub(crate) catalog: Arc<dyn CatalogProvider>,
    pub(crate) config: SessionConfig,
    /// What `now()` and `current_date` answer, all through the query.
    pub(crate) now: DateTime<Utc>,
}

/// The configuration of a session: the lake's defaults, then the `datafusion.*` options that the user has set.
pub(crate) fn config(database: &str, options: &[(String, String)]) -> Result<SessionConfig> {
    let mut config = BASE.clone();
    database.clone_into(&mut config.options_mut().catalog.default_schema);
    for (name, value) in options {
        config.options_mut().set(name, value)?;
    }
    Ok(config)
}

/// What all sessions have in common, made once: to fill in its defaults, DataFusion asks the system for its processors, which opens
/// files.
static BASE: LazyLock<SessionConfig> = LazyLock::new(|| {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, DEFAULT_DATABASE)
        .with_create_default_catalog_and_schema(false);
    lake_defaults(config.options_mut());
    config
});

/// Processors that this process may use.
pub(crate) fn cores() -> usize {
    static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));
    *CORES
}

/// A session whose plans run in one process.
pub(crate) fn local(parts: &SessionParts, partitions: usize) -> SessionState {
    finish(builder(parts, partitions), parts)
}

/// A session whose plans are cut into stages where that gains.
pub(crate) fn distributed(parts: &SessionParts, partitions: usize, cut: &CutSettings) -> Result<SessionState> {
    Ok(finish(distributable(builder(parts, partitions), cut)?, parts))
}

fn builder(parts: &SessionParts, partitions: usize) -> SessionStateBuilder {
    SessionStateBuilder::new()
        .with_config(parts.config.clone().with_target_partitions(partitions))
        .with_runtime_env(Arc::clone(&parts.runtime))
        .with_default_features()
        .with_expr_planners(expr_planners())
        .with_physical_optimizer_rules(physical_optimizer_rules())
}

fn finish(builder: SessionStateBuilder, parts: &SessionParts) -> SessionState {
    let mut state = builder.build();
    state.execution_props_mut().query_execution_start_time = Some(parts.now);
    state.catalog_list().register_catalog(CATALOG.to_owned(), Arc::clone(&parts.catalog));
    state
}

/// Where DataFusion's defaults are made for local disks.
fn lake_defaults(options: &mut ConfigOptions) {
    options.sql_parser.collect_spans = true;
    // As in Trino, in both directions.
    options.sql_parser.default_null_ordering = "nulls_last".to_owned();
    // `0.1` is a decimal, as in Trino.
    options.sql_parser.parse_float_as_decimal = true;
    // Planning a scan lists and reads footers: it waits for storage, and cores have nothing to do with it.
    options.execution.planning_concurrency = 16;
    // Each range of a file is a request, and re-reads a footer.
    options.optimizer.repartition_file_min_size = 8 * 1024 * 1024;
    // A shuffle through S3 costs far more than sending a build side of this size to every task.
    options.optimizer.hash_join_single_partition_threshold = 32 * 1024 * 1024;
    options.optimizer.hash_join_single_partition_threshold_rows = 2_000_000;
    options.execution.parquet.max_in_list_size = 200;
    options.execution.spill_compression = datafusion::config::SpillCompression::Lz4Frame;
}

/// The options that workers need to give the same answers: those of DataFusion that differ from its defaults. Extensions are
/// left out: they list their options without the prefix that setting them takes.
pub(crate) fn options_for_workers(state: &SessionState) -> Vec<(String, String)> {
    let defaults: HashMap<String, Option<String>> =
        ConfigOptions::new().entries().into_iter().map(|entry| (entry.key, entry.value)).collect();
    state
        .config_options()
        .entries()
        .into_iter()
        .filter(|entry| entry.key.starts_with("datafusion."))
        .filter(|entry| defaults.get(&entry.key) != Some(&entry.value))
        .filter_map(|entry| Some((entry.key, entry.value?)))
        .collect()
}
