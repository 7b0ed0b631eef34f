//! What is done to a plan's scans just before it runs, in the coordinator and in a worker alike.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

use super::columns::with_any_case;
use super::{ReadAhead, read_ahead};
use crate::error::Result;

/// Makes a plan ready to run: columns are found whatever their case, and files are read ahead.
///
/// To be called once on a plan that was planned or decoded for this execution, and never before it is encoded: what it
/// adds does not travel.
pub fn prepare_scans(plan: Arc<dyn ExecutionPlan>, settings: &ReadAhead) -> Result<Arc<dyn ExecutionPlan>> {
    read_ahead(with_any_case(plan)?, settings)
}
