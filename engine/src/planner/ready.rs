//! What is done to a plan just before it runs, in the coordinator and on a worker alike.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::physical_plan::ExecutionPlan;

use super::condition_order::order_conditions;
use super::join_filters::join_filters;
use crate::error::Result;
use crate::storage::{ReadAhead, prepare_scans};
use crate::worker::refuse_large_joins;

/// Makes a plan ready to run: filters ask first what costs least and cannot fail, joins say what they know, files are read ahead, joins that
/// are too large fail as such.
///
/// To be called once on a plan that was planned or decoded for this execution, and never before it is encoded: what it adds does not
/// travel.
pub(crate) fn ready_to_run(
    plan: Arc<dyn ExecutionPlan>,
    read_ahead: &ReadAhead,
    options: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let filtered = join_filters(order_conditions(plan)?, options)?;
    Ok(refuse_large_joins(prepare_scans(filtered, read_ahead)?)?)
}
