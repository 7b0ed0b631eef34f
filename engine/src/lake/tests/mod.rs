//! Queries over an in-memory bucket: what is read, what is not, and what is said when it cannot be.

mod bad_data;
mod catalog_tables;
mod handed_down_filters;
mod partitions;
mod paths;
mod reading;
mod support;
mod workers;
