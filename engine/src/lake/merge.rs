//! One schema for many files.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::error::{Error, ErrorCode, Result};
use crate::storage::{plain, wider};

/// Unites the columns of files by name: a column that a file lacks is NULL there, types widen where one holds both.
///
/// Names come out in lower case, as in Athena, unless one file has two that differ in case alone. Every column is nullable.
#[derive(Debug, Default)]
pub(super) struct SchemaMerger {
    columns: Vec<MergedColumn>,
}

#[derive(Debug)]
struct MergedColumn {
    name: String,
    data_type: DataType,
    /// The first file that had it with this type, for the error.
    file: String,
}

impl SchemaMerger {
    /// Adds one file. Fails with `InvalidData` where a column's types do not go together, and names both files.
    pub(super) fn add(&mut self, file: &str, schema: &Schema) -> Result<()> {
        let mut names: Vec<String> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let lower = field.name().to_lowercase();
            let name = if names.contains(&lower) { field.name().clone() } else { lower };
            self.add_column(file, &name, field.data_type())?;
            names.push(name);
        }
        Ok(())
    }

    fn add_column(&mut self, file: &str, name: &str, data_type: &DataType) -> Result<()> {
        let Some(known) = self.columns.iter_mut().find(|column| column.name == name) else {
            let column = MergedColumn { name: name.to_owned(), data_type: plain(data_type), file: file.to_owned() };
            self.columns.push(column);
            return Ok(());
        };
        let Some(wider) = wider(&known.data_type, data_type) else {
            let (first, second) = (&known.data_type, plain(data_type));
            let message = format!("column {name} is {first} in {} but {second} in {file}", known.file);
            return Err(Error::new(ErrorCode::InvalidData, message)
                .with_hint("read the files apart, or declare a table whose column type both can be read as"));
        };
        if wider != known.data_type {
            known.data_type = wider;
            known.file = file.to_owned();
        }
        Ok(())
    }

    pub(super) fn finish(self) -> SchemaRef {
        let fields: Vec<_> =
            self.columns.into_iter().map(|column| Field::new(column.name, column.data_type, true)).collect();
        Arc::new(Schema::new(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(fields: &[(&str, DataType)]) -> Schema {
        Schema::new(fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), false)).collect::<Vec<_>>())
    }

    #[test]
    fn columns_unite_by_name_and_widen() {
        let mut merger = SchemaMerger::default();
        merger.add("a", &schema(&[("Id", DataType::Int32), ("x", DataType::Utf8View)])).unwrap();
        merger.add("b", &schema(&[("id", DataType::Int64), ("y", DataType::Float32)])).unwrap();
        let merged = merger.finish();
        let expected = [("id", DataType::Int64), ("x", DataType::Utf8), ("y", DataType::Float32)];
        let found: Vec<_> = merged.fields().iter().map(|f| (f.name().as_str(), f.data_type().clone())).collect();
        assert_eq!(found, expected);
        assert!(merged.fields().iter().all(|field| field.is_nullable()));
    }

    #[test]
    fn a_conflict_names_the_column_both_files_and_both_types() {
        let mut merger = SchemaMerger::default();
        merger.add("s3://b/one", &schema(&[("id", DataType::Int64)])).unwrap();
        let error = merger.add("s3://b/two", &schema(&[("id", DataType::Utf8)])).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidData);
        assert_eq!(error.message, "column id is Int64 in s3://b/one but Utf8 in s3://b/two");
    }

    #[test]
    fn names_that_differ_in_case_within_a_file_stay_apart() {
        let mut merger = SchemaMerger::default();
        merger.add("a", &schema(&[("id", DataType::Int64), ("ID", DataType::Utf8)])).unwrap();
        let merged = merger.finish();
        assert_eq!(merged.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["id", "ID"]);
    }
}
