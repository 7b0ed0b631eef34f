//! What goes over the wire as JSON. The command line reads with the same types that the server writes with, and the OpenAPI
//! document is made from them.

mod catalog;
mod parameters;
mod plan;
mod problem;
mod query;
mod rows;
mod submission;

pub use catalog::{
    ColumnDocument, DatabaseDocument, DatabasesDocument, PartitionDocument, PartitionsDocument, StatisticsDocument,
    TableDocument, TableNameDocument, TablesDocument,
};
pub use parameters::{ParameterDocument, ParametersDocument, TypedValue};
pub use plan::{DryRunDocument, EstimateDocument, PlanDocument};
pub use problem::{CodeDocument, ProblemDocument};
pub use query::{ErrorDocument, PhaseDocument, ProgressDocument, QueriesDocument, QueryDocument, StateDocument};
pub use rows::{FieldDocument, LinkDocument, ResultDocument};
pub use submission::{LimitsDocument, OnTimeout, SubmissionDocument};
