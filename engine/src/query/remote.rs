//! A plan's tasks on workers, and what they leave in the exchange.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::execution::SessionState;
use tokio_util::sync::CancellationToken;

use super::clean_up::CleanUp;
use super::ledger::Ledger;
use super::settings::EngineSettings;
use super::shared::Shared;
use crate::coordinator::{Run, RunConfig, SchedulerLimits, SpeculationPolicy};
use crate::error::{Error, ErrorCode, Result};
use crate::exchange::{Source, layout};
use crate::planner::session::options_for_workers;
use crate::protocol::ExchangeConfig;
use crate::storage::exchange_store;

/// Answers carry so much of a stage that the coordinator reads: base64 makes a third more of it, and Lambda's limit is 6 MiB.
const INLINE_LIMIT_HEAD: u64 = 4 * 1024 * 1024;

/// And so much of a stage that workers read: every one of them gets the manifest with it.
const INLINE_LIMIT_STAGE: u64 = 16 * 1024;

/// A run that has started, where its outputs are read, and what removes them: to be held as long as rows are wanted.
pub(super) struct RemoteRun {
    pub(super) run: Run,
    pub(super) source: Source,
    pub(super) clean_up: Option<CleanUp>,
}

impl RemoteRun {
    pub(super) fn start(
        shared: &Arc<Shared>,
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
            combine_above: settings.combine_above as u64,
            seed: run.0.as_u64_pair().0,
        };
        let run_handle = Run::start(config, cancel);
        ledger.add_run(run_handle.observer());
        let clean_up = exchange
            .clone()
            .map(|exchange| CleanUp::new(shared, exchange, run, run_handle.observer(), settings.task_timeout));
        let source = Source::new(run, exchange.zip(store), &state.runtime_env().memory_pool);
        Ok(Self { run: run_handle, source, clean_up })
    }
}
