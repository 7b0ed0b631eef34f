//! `/v1/queries`: queries that go on without their client, and whose rows are kept.

mod events;
mod list;
mod one;
mod plan;
mod results;
mod submit;

pub(super) use events::{__path_events, events};
pub(super) use list::{__path_list, list};
pub(super) use one::{__path_cancel, __path_get, cancel, get};
pub(super) use plan::{__path_plan, plan};
pub(super) use results::{__path_results, results};
pub(super) use submit::{__path_submit, submit};

use arachne_engine::query::QueryId;

/// Where a query is.
fn location(id: &QueryId) -> String {
    format!("/v1/queries/{id}")
}
