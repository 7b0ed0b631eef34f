//! What a statement will answer with, without running it.

use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::logical_expr::LogicalPlan;

use super::binding::types_of;
use super::planning::{Bound, bound_plan};
use super::session::QuerySession;
use super::shared::QueryContext;
use crate::error::Result;
use crate::sql::{self, Placeholders, Statement};

/// What a statement answers with, and what it wants to be given.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The one that its rows will have: names, types, and no column less nullable than it will be.
    pub schema: SchemaRef,
    /// In order of their places, or of their first mention if they have names. `Null` where the statement does not tell the type.
    pub parameters: Vec<Field>,
    pub kind: StatementKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// Answers with rows.
    Rows,
    /// Changes something, and answers with none (but for `MSCK REPAIR TABLE`, which says what it has done).
    Change,
}

/// Looks at the catalog, and at files for their columns; runs nothing, not even scalar subqueries.
pub(super) async fn describe(query: &QueryContext, statement: Statement) -> Result<Description> {
    let kind = kind_of(&statement);
    let placeholders = sql::placeholders(&query.request.sql)?;
    let (schema, parameters) = match statement {
        Statement::Query(statement) => {
            let session = QuerySession::try_new(query, &statement)?;
            let Bound { schema, plan, .. } = bound_plan(query, &session.local_state(), statement).await?;
            (schema, fields(&placeholders, &plan))
        }
        Statement::Explain(explain) => {
            let session = QuerySession::try_new(query, &explain.statement)?;
            let Bound { plan, .. } = bound_plan(query, &session.local_state(), explain.statement).await?;
            (super::explain::schema(), fields(&placeholders, &plan))
        }
        other => {
            placeholders.refuse_values(&query.request.parameters)?;
            (sql::ddl::schema_of(&other), Vec::new())
        }
    };
    Ok(Description { schema, parameters, kind })
}

fn kind_of(statement: &Statement) -> StatementKind {
    match statement {
        Statement::Query(_) | Statement::Explain(_) | Statement::Show(_) | Statement::Describe(_) => {
            StatementKind::Rows
        }
        Statement::Ddl(_) | Statement::Set { .. } | Statement::Reset { .. } | Statement::Use { .. } => {
            StatementKind::Change
        }
    }
}

/// `plan` is the one before values were put into it.
fn fields(placeholders: &Placeholders, plan: &LogicalPlan) -> Vec<Field> {
    let types = types_of(plan);
    let field = |(nth, name): (usize, String)| {
        let known = types.get(&format!("${}", nth + 1)).cloned().flatten();
        Field::new(name, known.unwrap_or(DataType::Null), true)
    };
    placeholders.names().into_iter().enumerate().map(field).collect()
}
