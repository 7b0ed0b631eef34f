//! SQL text to statements, statements of the catalog to rows, and errors to a place in the text.
//!
//! Athena has two dialects in one: queries are Trino's, definitions are Hive's. The first word of a statement decides
//! ([`parse`]): definitions go to `arachne_catalog::ddl`, queries to DataFusion's parser with our [`AthenaDialect`].
//! Nothing here looks at data; only [`ddl`] and [`information_schema`] ask the catalog.
//!
//! ```text
//! script -> split -> parse -> Statement::Query   -> the planner
//!                          -> Statement::Explain -> the planner
//!                          -> the rest           -> ddl::execute -> rows
//! errors: parser, planner, catalog -> describe -> Error with a place -> caret
//! ```
//!
//! All places (lines and columns, both from 1) count in the text that was given to [`parse`].

mod caret;
pub mod ddl;
mod depth;
mod dialect;
mod errors;
mod information_schema;
mod near;
mod parameters;
mod parse;
mod pass_through;
mod places;
mod split;
mod statement;
mod trino;

pub use caret::caret;
pub use dialect::AthenaDialect;
pub use errors::describe;
pub(crate) use information_schema::WithInformationSchema;
pub use near::nearest;
pub use parameters::{Placeholders, placeholders};
pub use parse::{parse, parse_one};
pub(crate) use pass_through::passes_rows_through;
pub use split::{Piece, split};
pub use statement::{Explain, ExplainType, Statement};
