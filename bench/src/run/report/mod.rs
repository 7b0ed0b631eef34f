//! Results as people look at them: a page of tables, and plots.

mod markdown;
mod plots;

pub(crate) use markdown::{page, summaries, summary_table};
pub(crate) use plots::draw;
