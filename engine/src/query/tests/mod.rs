//! The service as doors use it, over files in a folder.

mod access;
mod descriptions;
mod information_schema;
mod parameters;
mod queries;
mod support;
