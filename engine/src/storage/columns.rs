//! Columns of a file are found by name whatever their case, as Hive and Athena do.
//!
//! A table's columns are lower case; the Parquet files of Spark and others often are not. DataFusion's adapter compares
//! names exactly and fills what it does not find with NULL, so `userId` in a file would silently read as NULL.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use datafusion::physical_plan::ExecutionPlan;

use super::types::{can_read, plain};
use crate::error::{Error, ErrorCode};

/// The field of this name; else the only one that differs from it in case alone.
///
/// Several that differ in case are no match: which one is meant cannot be known.
pub fn find_field<'a>(schema: &'a Schema, name: &str) -> Option<(usize, &'a FieldRef)> {
    if let Some(exact) = schema.fields().find(name) {
        return Some(exact);
    }
    let name = name.to_lowercase();
    let mut close = schema.fields().iter().enumerate().filter(|(_, field)| field.name().to_lowercase() == name);
    let first = close.next()?;
    close.next().is_none().then_some(first)
}

/// Puts the adapter on every Parquet scan of a plan. A decoded plan has lost it: it does not travel.
pub(super) fn with_any_case(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let scan = node.downcast_ref::<DataSourceExec>();
        let Some(scan) = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>()) else {
            return Ok(Transformed::no(node));
        };
        if !scan.file_source().is::<ParquetSource>() || scan.expr_adapter_factory.is_some() {
            return Ok(Transformed::no(node));
        }
        let adapted =
            FileScanConfigBuilder::from(scan.clone()).with_expr_adapter(Some(Arc::new(AnyCaseAdapterFactory))).build();
        Ok(Transformed::yes(DataSourceExec::from_data_source(adapted) as _))
    })
    .data()
}

/// DataFusion's own adapter (casts, missing columns) behind names compared without case.
#[derive(Debug, Clone, Copy)]
pub struct AnyCaseAdapterFactory;

impl PhysicalExprAdapterFactory for AnyCaseAdapterFactory {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        if let Some(misfit) = misfit(&file, &table) {
            return Err(misfit.into());
        }
        let renamed = rename_like(&file, &table);
        let Some(renamed) = renamed else { return DefaultPhysicalExprAdapterFactory.create(table, file) };
        let inner = DefaultPhysicalExprAdapterFactory.create(table, renamed)?;
        Ok(Arc::new(AnyCaseAdapter { inner, file }))
    }
}

/// The error for the first column of a table that cannot be read from a file of this schema. It does not name the file.
pub fn misfit(file: &Schema, table: &Schema) -> Option<Error> {
    table.fields().iter().find_map(|wanted| {
        let (_, found) = find_field(file, wanted.name())?;
        if can_read(found.data_type(), wanted.data_type()) {
            return None;
        }
        let (found_type, wanted_type) = (plain(found.data_type()), plain(wanted.data_type()));
        let message = format!("column {} is {found_type} in the file, but {wanted_type} in the table", wanted.name());
        Some(Error::new(ErrorCode::InvalidData, message).with_hint("change the type in the table, or convert the file"))
    })
}

/// The file's schema with the table's spelling of each name; `None` when no name differs.
fn rename_like(file: &Schema, table: &Schema) -> Option<SchemaRef> {
    let mut fields: Vec<FieldRef> = file.fields().iter().cloned().collect();
    let mut renamed = false;
    for wanted in table.fields() {
        let Some((index, found)) = find_field(file, wanted.name()) else { continue };
        if found.name() != wanted.name() {
            fields[index] = Arc::new(found.as_ref().clone().with_name(wanted.name()));
            renamed = true;
        }
    }
    renamed.then(|| Arc::new(Schema::new_with_metadata(fields, file.metadata().clone())))
}

/// Rewrites for the renamed file, then gives each column the name it really has there (the index is the same).
#[derive(Debug)]
struct AnyCaseAdapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for AnyCaseAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let rewritten = self.inner.rewrite(expr)?;
        rewritten
            .transform(|node| {
                let Some(column) = node.downcast_ref::<Column>() else { return Ok(Transformed::no(node)) };
                let real = self.file.field(column.index()).name();
                if real == column.name() {
                    return Ok(Transformed::no(node));
                }
                Ok(Transformed::yes(Arc::new(Column::new(real, column.index())) as _))
            })
            .data()
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn schema(names: &[&str]) -> SchemaRef {
        Arc::new(Schema::new(names.iter().map(|name| Field::new(*name, DataType::Int64, true)).collect::<Vec<_>>()))
    }

    #[test]
    fn a_name_is_found_whatever_its_case_unless_it_is_ambiguous() {
        let file = schema(&["userId", "a", "A", "Straße"]);
        let index = |name| find_field(&file, name).map(|(index, _)| index);
        assert_eq!(index("userid"), Some(0));
        assert_eq!((index("a"), index("A")), (Some(1), Some(2)));
        assert_eq!(index("straße"), Some(3));
        assert_eq!(index("b"), None);
        assert_eq!(find_field(&schema(&["Ab", "aB"]), "ab"), None);
    }

    #[test]
    fn an_expression_comes_out_with_the_names_of_the_file() {
        let adapter = AnyCaseAdapterFactory.create(schema(&["id", "userid"]), schema(&["userId", "Id"])).unwrap();
        let rewritten = adapter.rewrite(Arc::new(Column::new("userid", 1))).unwrap();
        assert_eq!(rewritten.to_string(), "userId@0");
        let rewritten = adapter.rewrite(Arc::new(Column::new("id", 0))).unwrap();
        assert_eq!(rewritten.to_string(), "Id@1");
    }
}
