//! `information_schema`: the catalog as tables, for programs that look around by SQL.
//!
//! The tables and columns are Athena's, types in the words of its queries (`integer`, `varchar`). What they hold is asked of the
//! catalog when they are scanned, as whoever asks may see it, and no more of it than the query's conditions on `table_schema` and
//! `table_name` leave: no table is opened, nothing in storage is looked at.

mod contents;
mod provider;
mod table;
mod type_name;
mod wanted;

pub(crate) use provider::WithInformationSchema;
