//! A plan's tasks on workers, and what they leave in the exchange.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::execution::SessionState;
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::ledger::Ledger;
use super::settings::EngineSettings;
use super::shared::Shared;
use crate::coordinator::{COMBINE_ABOVE, Run, RunConfig, SchedulerLimits, SpeculationPolicy};
use crate::error::{Error, ErrorCode, Result};
use crate::exchange::{Source, layout};
use crate::planner::session::options_for_workers;
use crate::protocol::{ExchangeConfig, RunId};
use crate::storage::{ObjectStores, exchange_store};

/// Answers carry so much of a stage that the coordinator reads: base64 makes a third more of it, and Lambda's limit is 6 MiB.
const INLINE_LIMIT_HEAD: u64 = 4 * 1024 * 1024;

/// And so much of a stage that workers read: every one of them gets the manifest with it.
const INLINE_LIMIT_STAGE: u64 = 16 * 1024;

/// A run that has started, and where its outputs are read.
pub(super) struct RemoteRun {
    pub(super) run: Run,
    pub(super) source: Source,
}

impl RemoteRun {
    pub(super) fn start(
        shared: &Shared,
        settings: &EngineSettings,
        state: &SessionState,
        head_inputs: BTreeSet<u32>,
        ledger: &Ledger,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let Some(invoker) = shared.invoker.clone() else {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "compute 'lambda' is asked for and no function is configured",
            )
            .with_hint("set compute.lambda.function (ARACHNE_COMPUTE__LAMBDA__FUNCTION), or use compute embedded"));
        };
        let run = ledger.next_run();
        let exchange = settings.exchange.clone().map(|url| ExchangeConfig { url });
        let store = match &exchange {
            Some(config) => Some(exchange_store(&shared.stores, &layout::url(config)?, Arc::clone(&ledger.meter))?),
            None => None,
        };
        let config = RunConfig {
            query_id: ledger.id().to_string(),
            run,
            invoker,
            exchange: exchange.clone(),
            exchange_store: store.clone(),
            limits: SchedulerLimits {
                max_in_flight: settings.max_in_flight,
                retry: settings.retry.clone(),
                speculation: SpeculationPolicy::default(),
            },
            options: options_for_workers(state),
            head_inputs,
            inline_limit_head: INLINE_LIMIT_HEAD,
            inline_limit_stage: INLINE_LIMIT_STAGE,
            task_timeout: settings.task_timeout,
            max_bytes_scanned: settings.limits.max_bytes_scanned,
            combine_above: COMBINE_ABOVE,
            seed: run.0.as_u64_pair().0,
        };
        let run_handle = Run::start(config, cancel);
        ledger.add_run(run_handle.observer());
        Ok(Self { run: run_handle, source: Source::new(run, exchange.zip(store), &shared.memory) })
    }
}

/// Removes everything a run wrote. What cannot be removed is left to the bucket's lifecycle rule, and said so in the log.
pub(super) async fn remove_exchange(source: Source) {
    let Some((exchange, store)) = &source.exchange else { return };
    if let Err(error) = remove_below(exchange, store, source.run).await {
        warn!(run = %source.run, %error, "exchange objects were left behind");
    }
}

/// Removes what a run of another process, or of an ended query, has left.
pub(super) async fn remove_run(stores: &ObjectStores, exchange: &str, run: RunId) -> Result<()> {
    let exchange = ExchangeConfig { url: exchange.to_owned() };
    let store = exchange_store(stores, &layout::url(&exchange)?, Arc::default())?;
    remove_below(&exchange, &store, run).await
}

async fn remove_below(exchange: &ExchangeConfig, store: &Arc<dyn ObjectStore>, run: RunId) -> Result<()> {
    let prefix = layout::run_prefix(exchange, run)?;
    let names: Vec<_> = store.list(Some(&prefix)).map_ok(|object| object.location).try_collect().await?;
    debug!(%run, objects = names.len(), "removing exchange objects");
    for name in names {
        store.delete(&name).await?;
    }
    Ok(())
}
